"""``countermand accept-loss``."""

import click

from adapters.cli.doing.service import Chosen, Done, asking_bootstrap, chooses
from adapters.cli.exits import DONE
from adapters.cli.typed import options as o


@click.command("accept-loss")
@chooses("data", "cluster", "nats_url")
@click.option("--reason", metavar="TEXT", required=True, help="Why, for those who ask later.")
@o.says
def verb(asked: o.Asked, chosen: Chosen, reason: str) -> int:
    """Go on with a stream that has lost events, on the record.

    Stop the service first, and look for another way: what the journal has can be restored with
    `mend`. The stream stays as it is; its next event says what was known before, who accepted the
    loss, and why. The journal of before is kept. Positions that named lost events name new ones
    from here on: whoever follows the stream must know.

    Exit status: 0 done; 1 it cannot be done, and why; 5 nothing is lost.

    \b
      countermand accept-loss --data /var/lib/countermand --reason 'both disks burnt'
    """
    full = chosen.with_default_data()

    def accept() -> Done:
        from adapters.bootstrap import asked as bootstrap

        return bootstrap.accept_loss(full.overrides, full.config_file, reason)

    asked.out.line(asking_bootstrap(accept).words)
    return DONE
