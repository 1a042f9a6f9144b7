"""Every command in ``docs/backup.md`` is run, in order."""

from pathlib import Path
from typing import Final

import pytest

from tests.e2e.service import Service
from tests.e2e.shown import Shell, commands, document, surroundings

pytestmark = [pytest.mark.e2e]

PAGE: Final = document("docs/backup.md")


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    restored = service.home / "restored"
    words = {
        "/var/lib/countermand": str(service.data),
        "/var/lib/restored": str(restored),
        "/etc/": f"{service.home}/etc-",
        "/srv/": f"{service.home}/srv-",
    }
    service.configure(cluster="hpc1")
    text = service.command()
    settings = Path(text[text.index("--config") + 1]).read_text()
    (service.home / "etc-countermand.toml").write_text(settings)
    shell = Shell(surroundings(service), service.home, tmp_path, words)
    backup, head, restore, look = commands(PAGE)
    service.start()
    service.until_state(service.submit("true"), "Finished")
    last = service.stream()[-1].position
    assert f": events 1 to {last} of the stream " in shell.run(backup).out
    assert shell.run(head).out.startswith('countermand-backup 1\n{"cluster":"hpc1"')
    service.stop()
    assert f"events 1 to {last}, as they were" in shell.run(restore).out
    assert shell.run(look).out.endswith(": nothing is damaged\n")
