"""Every command in ``docs/emergency.md`` is run, in order, on a server that is taken away."""

from pathlib import Path
from typing import Final

import pytest

from tests.e2e.away import away_server
from tests.e2e.home import new_home
from tests.e2e.scripts import stubborn
from tests.e2e.service import new_service
from tests.e2e.shown import Shell, commands, document, surroundings
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGE: Final = document("docs/emergency.md")


def test_every_shown_command_works_in_order(tmp_path: Path) -> None:
    stop, waits, audit, explain, kept, reviews = commands(PAGE)
    with new_home() as home, away_server(home / "nats") as server, new_service() as one:
        one.configure(**server.settings)
        words = {"/etc/countermand.toml": str(one.home / "config.toml")}
        one.run(one.command("provision"))
        assert one.process is not None
        assert one.process.wait(PATIENCE_SECONDS) == 0, one.log
        one.start()
        assert one.submit(*(stubborn(one.trace(x)) for x in ("first", "second"))) == 1
        one.until_running(1)
        shell = Shell(surroundings(one), one.home, tmp_path, words)
        server.kill()
        done = shell.run(stop)
        assert "job 1: stopped without the stream at" in done.out
        assert "IS NOT RECORDED YET" in done.err
        assert not one.members(1)
        assert "of job 1 by" in shell.run(waits).out
        server.start()
        until(lambda: one.job(1)["state"] == "Canceled", "the job is Canceled")
        until(lambda: "the room is on fire" in shell.run(audit).out, "the trail has it")
        assert "The cancel was carried out" in shell.run(explain).out
        until(lambda: "1 recorded, the latest" in shell.run(kept).out, "it is kept")
        assert "the room is on fire" in shell.run(reviews).out
