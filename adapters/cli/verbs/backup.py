"""``countermand backup``."""

from pathlib import Path

import click

from adapters.cli.doing.service import Chosen, Done, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.exits import DIFFERENT, DONE
from adapters.cli.typed import options as o


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@chooses("data", "cluster", "nats_url")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@o.says
def verb(asked: o.Asked, chosen: Chosen, file: Path, force: bool) -> int:
    """Write the whole stream to FILE: every event as it is, with its position and time.

    Works while the service runs, up to the event that is the last one when it begins, and while it
    is stopped. What was written is read back and checked as fsck checks a stream, every event, in a
    directory beside FILE, before FILE gets its name; until then there is FILE.part. The journal is
    not in it: it is a copy of the stream, which a restore writes anew.

    Exit status: 0 done, and nothing is damaged; 10 the stream is damaged: the first bad event is
    named and there is no FILE; 1 it cannot be done, and why; 75 the stream cannot be read now.

    \b
      countermand backup /srv/countermand.backup --data /var/lib/countermand
    """
    full = chosen.with_default_data()

    def backup() -> Done:
        from adapters.bootstrap import asked as bootstrap

        with Telling(asked) as telling:
            told = telling.counting
            return bootstrap.backup(full.overrides, full.config_file, file, force, told)

    asked.out.line(asking_bootstrap(backup, damaged=DIFFERENT).words)
    return DONE
