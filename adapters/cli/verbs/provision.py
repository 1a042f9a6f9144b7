"""``countermand provision``."""

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses


@click.command("provision")
@chooses("data", "cluster", "nats_url")
def verb(chosen: Chosen) -> int:
    """Create the stream and its users, once; nothing else ever creates or changes a stream.

    A first `serve` on an empty data directory does this by itself.

    \b
      countermand provision --data /var/lib/countermand
    """

    def provision() -> int:
        from adapters.bootstrap import asked as bootstrap

        full = chosen.with_default_data()
        return bootstrap.provision(full.overrides, full.config_file)

    return asking_bootstrap(provision)
