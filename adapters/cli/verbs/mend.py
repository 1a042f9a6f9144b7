"""``countermand mend``."""

import click

from adapters.cli.doing.service import Chosen, Switched, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.exits import DIFFERENT, DONE
from adapters.cli.typed import options as o


@click.command("mend")
@chooses("data", "cluster")
@o.says
def verb(asked: o.Asked, chosen: Chosen) -> int:
    """Make a damaged stream again from the journal: same bytes, same order, same positions.

    Stop the service first. The new stream is made beside the damaged one, compared with the journal
    byte for byte, and only then takes its place; the damaged one is kept. Its next event says what
    was done, and by whom. An interrupted mend is run again: it goes on where it was.

    Exit status: 0 done; 10 done, and events are missing that nobody has; 1 it cannot be done, and
    why; 5 nothing is damaged.

    \b
      countermand mend --data /var/lib/countermand
    """
    full = chosen.with_default_data()

    def mend() -> Switched:
        from adapters.bootstrap import asked as bootstrap

        with Telling(asked) as telling:
            return bootstrap.mend(full.overrides, full.config_file, telling.reached)

    done = asking_bootstrap(mend)
    asked.out.line(done.words)
    return DIFFERENT if done.missing else DONE
