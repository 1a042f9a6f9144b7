"""``countermand restore``."""

from pathlib import Path

import click

from adapters.cli.doing.service import Chosen, Switched, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.exits import DIFFERENT, DONE
from adapters.cli.typed import options as o


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@chooses("data", "cluster")
@click.option(
    "--journal-aside",
    is_flag=True,
    help="Also when the journal there knows more, or other events; it is kept beside.",
)
@o.says
def verb(asked: o.Asked, chosen: Chosen, file: Path, journal_aside: bool) -> int:
    """Put the stream of a backup in the place of the one there is, or where there is none.

    Stop the service first. The stream is made beside the old one and looked at as `fsck` does, and
    only then takes its place; what was there before is kept. Its next event says what was done, and
    by whom. A backup that is older than the journal is refused: `mend` loses nothing. An
    interrupted restore is run again: it goes on where it was.

    Exit status: 0 done; 10 done, and events are missing that nobody has; 1 it cannot be done, and
    why; 5 the journal has more than the backup.

    \b
      countermand restore /srv/countermand.backup --data /var/lib/restored
    """
    full = chosen.with_default_data()

    def restore() -> Switched:
        from adapters.bootstrap import asked as bootstrap

        with Telling(asked) as telling:
            told = telling.counting
            return bootstrap.restore(full.overrides, full.config_file, file, journal_aside, told)

    done = asking_bootstrap(restore)
    asked.out.line(done.words)
    return DIFFERENT if done.missing else DONE
