"""``countermand dev``."""

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses


@click.command("dev")
@chooses("data", "port", "slots")
@click.option("--no-demo", is_flag=True, help="Only start; show nothing.")
def verb(chosen: Chosen, no_demo: bool) -> int:
    """Start everything on this machine, to try it: stream, service, engine.

    Runs a small demonstration, and says where things are. Ctrl-C ends it; then every task is
    stopped and the temporary data directory goes, unless --data named one.

    \b
      countermand dev
      countermand dev --data ./trial --no-demo
    """

    def dev() -> int:
        from adapters.bootstrap import asked as bootstrap

        return bootstrap.dev(chosen.overrides, chosen.config_file, not no_demo)

    return asking_bootstrap(dev)
