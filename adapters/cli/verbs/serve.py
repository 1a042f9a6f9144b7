"""``countermand serve``."""

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses


@click.command("serve")
@chooses("data", "port", "slots", "cluster", "task_account", "stop_tasks", "nats_url")
def verb(chosen: Chosen) -> int:
    """Run the service of a data directory, until SIGTERM or Ctrl-C.

    Running tasks go on without it, unless --stop-tasks: the next start finds them again. Where to
    reach it stands in DIR/run/endpoint.json.

    \b
      countermand serve --data /var/lib/countermand
      countermand serve --config /etc/countermand.toml
    """

    def serve() -> int:
        from adapters.bootstrap import asked as bootstrap

        full = chosen.with_default_data()
        return bootstrap.serve(full.overrides, full.config_file)

    return asking_bootstrap(serve)
