"""``countermand policy backtest`` and ``why`` on a real store."""

import csv
import hashlib
import io
import json
from copy import deepcopy
from pathlib import Path

import pytest

from adapters.policy import default_text
from tests.e2e.said import COUNTERMAND, Said, said_by
from tests.e2e.service import Service
from tests.e2e.stores import VERB_SECONDS_MAX
from tests.e2e.stream import Event
from tests.e2e.test_fsck import forged, published, stream_of
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NEEDS_A_MESSAGE = (
    '@id("needs-a-message") @deny_message("{principal} may not {action} without a message")\n'
    'forbid (principal, action == Action::"cancel", resource)\n'
    "when { context has message_units && context.message_units == 0 };\n"
)


def asked(one: Service, verb: str, *options: str | Path) -> Said:
    """The verb, on the data directory of a service."""
    command = [COUNTERMAND, "policy", verb, *map(str, options), "--data", str(one.data)]
    said = said_by(command, one.clean_environment(), one.home, seconds=VERB_SECONDS_MAX)
    assert "Traceback" not in said.err, said.err
    return said


def as_json(one: Service, verb: str, *options: str | Path) -> tuple[int, Json]:
    """Its exit status, and all that it says."""
    said = asked(one, verb, *options, "-o", "json")
    found: Json = json.loads(said.out)
    return said.status, found


def last_of(events: list[Event], type_: str) -> Event:
    """The latest event of a type."""
    return [x for x in events if x.type == type_][-1]


def test_rules_are_tried_on_what_was_asked(service: Service, tmp_path: Path) -> None:
    same, other = tmp_path / "same.cedar", tmp_path / "other.cedar"
    same.write_text(default_text())
    other.write_text(default_text() + NEEDS_A_MESSAGE)
    service.start()
    silent, said = (service.submit("sleep 600") for _ in range(2))
    service.cancel(silent, message="")
    service.cancel(said, message="disk full")
    service.until_state(silent, "Canceled")
    service.until_state(said, "Canceled")

    status, report = as_json(service, "backtest", same)
    assert (status, report["changes"]) == (0, [])
    assert report["basis"]["decisions"] == report["rechecked"] == report["basis"]["same"]
    status, report = as_json(service, "backtest", other)
    (found,) = report["changes"]
    assert (status, found["kind"], found["job"]) == (11, "allow_to_deny", str(silent))
    assert (found["becomes"], report["by_rule"]) == (
        ["needs-a-message"],
        {"needs-a-message": counts(allow_to_deny=1)},
    )
    assert report["by_job"] == {str(silent): counts(allow_to_deny=1)}
    canonical = json.dumps(report["basis"], sort_keys=True, separators=(",", ":"))
    assert report["id"] == hashlib.sha256(canonical.encode()).hexdigest()

    activate_as_tried(service, other, same, report["id"])
    status, report = as_json(service, "backtest", other)

    people = asked(service, "backtest", other)
    assert (people.status, people.out.splitlines()[-1]) == (11, f"backtest {report['id']}")
    sheet = asked(service, "backtest", other, "-o", "csv")
    (row,) = csv.DictReader(io.StringIO(sheet.out))
    assert (row["position"], row["kind"]) == (str(found["position"]), "allow_to_deny")
    status, nothing = as_json(service, "backtest", other, "--actor", "nobody", "--since", "-1d")
    assert (status, nothing["basis"]["decisions"]) == (0, 0)
    service.stop()
    assert as_json(service, "backtest", other) == (11, report)

    cancel = last_of(stream_of(service.data), "JobCancelRequested")
    made_up = deepcopy(cancel.data)
    made_up["decision"]["rules"] = ["because-i-say-so"]
    (position,) = published(service.data, forged(cancel, "JobCancelRequested", made_up))
    untrue = asked(service, "backtest", other)
    assert (untrue.status, untrue.out) == (10, "")
    assert "1 are not what their own rules say" in untrue.err
    assert asked(service, "why", str(position)).status == 10


def activate_as_tried(service: Service, other: Path, same: Path, tried: str) -> None:
    """Only the id of a backtest of these very rules puts them in force."""
    file = str(service.home / "ada.token")
    role, data = ("--role", "administrator"), ("--data", str(service.data))
    assert service.cli("principals", "add", "ada", *role, "--token-file", file, *data).status == 0
    assert service.cli("policy", "propose", str(other), "-m", "say why").status == 0
    for unknown in ("0" * 64, as_json(service, "backtest", same)[1]["id"]):
        wrong = service.cli(
            "policy", "activate", str(other), "--backtest", unknown, "--token", file
        )
        assert (wrong.status, "run `countermand policy backtest" in wrong.err) == (5, True), wrong
    done = service.cli("policy", "activate", str(other), "--backtest", tried, "--token", file)
    assert done.status == 0, done


def counts(**given: int) -> dict[str, int]:
    """A row of a table of groups."""
    kinds = ("deny_to_allow", "less_demanded", "allow_to_deny", "more_demanded", "error")
    none = dict.fromkeys((*kinds, "not_evaluable"), 0)
    return none | given


def test_one_decision_is_told_with_its_rule(service: Service) -> None:
    job = service.start().submit("sleep 600")
    service.cancel(job, message="disk full")
    service.until_state(job, "Canceled")
    cancel = last_of(service.stream(), "JobCancelRequested")
    position = str(cancel.position)
    said = asked(service, "why", position)
    assert (said.status, "by         the rules" in said.out) == (0, True)
    assert '  @id("owner-controls")' in said.out.splitlines()
    assert "yes, computed again just now" in said.out
    assert "message_units 9" in said.out
    status, found = as_json(service, "why", position)
    assert (status, found["recomputed"], found["decision"]) == (0, "same", cancel.data["decision"])
    canceled = str(last_of(service.stream(), "JobCanceled").position)
    assert asked(service, "why", canceled).status == 3
    assert asked(service, "why", "100000").status == 3
    assert asked(service, "why", "0").status == 2


def test_rules_that_are_none_are_refused_before_anything_is_read(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "rules.cedar"
    file.write_text("permit (principal, action, resource);")
    said = asked(service, "backtest", file)
    assert (said.status, said.out) == (1, "")
    assert "no @id" in said.err
