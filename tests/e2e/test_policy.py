"""Policies on a real store: put in force, found again after a restart, rechecked and checked."""

import json
from copy import deepcopy
from hashlib import sha256
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


def asked(one: Service, *options: str | Path) -> Said:
    """The verb, on the data directory of a service."""
    command = [COUNTERMAND, "policy", "recheck", "--data", str(one.data), *map(str, options)]
    said = said_by(command, one.clean_environment(), one.home, seconds=VERB_SECONDS_MAX)
    assert "Traceback" not in said.err, said.err
    return said


def recheck(one: Service, *options: str | Path) -> tuple[int, Json]:
    """Its exit status, and all that it says."""
    said = asked(one, "-o", "json", *options)
    found: Json = json.loads(said.out)
    return said.status, found


def decided(events: list[Event]) -> list[Event]:
    """Those with a decision."""
    return [event for event in events if event.data.get("decision")]


def test_decisions_come_out_again_and_one_that_nobody_made_does_not(service: Service) -> None:
    job = service.start().submit("sleep 600")
    service.cancel(job, message="disk full")
    service.until_state(job, "Canceled")
    assert service.http("POST", f"/jobs/{job}/cancel", {"message": "again"}).status_code == 409
    status, report = recheck(service)
    assert (status, report["decisions"]) == (0, len(decided(service.stream())))
    assert (report["different"], report["unknown"], report["unreadable"]) == (0, {}, 0)
    service.stop()
    assert recheck(service) == (0, report)

    refusal = [x for x in stream_of(service.data) if x.type == "JobCancelRefused"][-1]
    made_up = deepcopy(refusal.data)
    made_up["decision"]["rules"] = ["because-i-say-so"]
    (position,) = published(service.data, forged(refusal, "JobCancelRefused", made_up))
    status, report = recheck(service)
    (found,) = report["differences"]
    assert (status, report["different"]) == (10, 1)
    assert (found["position"], found["aggregate"], found["field"]) == (
        position,
        f"job/{job}",
        "rules",
    )
    assert found["recorded"] == "because-i-say-so"
    people = asked(service)
    assert people.status == 10
    assert people.out.endswith(": 1 DIFFER\n")


def test_decisions_of_rules_that_are_not_here_need_those_rules(
    service: Service, tmp_path: Path
) -> None:
    job = service.start().submit("true")
    service.until_state(job, "Finished")
    service.stop()
    added = [x for x in stream_of(service.data) if x.type == "JobAdded"][-1]
    last = [x for x in stream_of(service.data) if x.aggregate == added.aggregate][-1]
    other = default_text() + "// a rule that was in force once\n"
    file = tmp_path / "rules.cedar"
    file.write_text(other)
    made = deepcopy(added.data)
    made["decision"]["digest"] = sha256_of(other)
    published(service.data, forged(last, "JobAdded", made))
    status, report = recheck(service)
    assert (status, report["unknown"]) == (1, {sha256_of(other): 1})
    status, report = recheck(service, "--policy", file)
    assert (status, report["unknown"], report["different"]) == (0, {}, 0)


def sha256_of(text: str) -> str:
    """The digest of rules."""
    return sha256(text.encode()).hexdigest()


# --- other rules ----------------------------------------------------------------------------------


def as_root(one: Service, *words: str | Path) -> Said:
    """A verb of whoever runs the tests, who is an administrator."""
    return by(one, (), *words)


def by(one: Service, how: tuple[str, ...], *words: str | Path) -> Said:
    """A verb at the service."""
    command = [COUNTERMAND, "policy", *map(str, words), "--endpoint", str(one.data), *how]
    return said_by(command, one.clean_environment(), one.home, seconds=VERB_SECONDS_MAX)


def test_rules_of_two_persons_are_in_force_after_a_restart_and_both_checks_agree(
    service: Service, tmp_path: Path
) -> None:
    service.start()
    before = service.submit("sleep 600")
    file, token = tmp_path / "other.cedar", tmp_path / "ada.token"
    file.write_text(
        default_text() + '@id("no-force") @deny_message("nobody forces") '
        'forbid (principal, action == Action::"cancel", resource) '
        'when { context has mode && context.mode == Mode::"forced" };\n'
    )
    people = [COUNTERMAND, "principals", "add", "ada", "--role", "administrator"]
    people += ["--token-file", str(token), "--data", str(service.data)]
    assert said_by(people, service.clean_environment(), service.home).status == 0
    assert as_root(service, "activate", file).status == 9
    assert as_root(service, "activate", file).status == 9
    assert by(service, ("--token", str(token)), "activate", file).status == 0
    assert as_root(service, "activate", file).status == 6
    assert as_root(service, "show", "-q").out == file.read_text()
    assert as_root(service, "show", "-q", "--at", "2").out == default_text()
    assert as_root(service, "explain", str(before), "--force").status == 5
    service.stop()
    service.start()
    assert as_root(service, "show", "-q").out == file.read_text()
    answer = service.http("POST", f"/jobs/{before}/cancel", {"forced": True})
    assert (answer.status_code, answer.json()["detail"]) == (403, "nobody forces")
    service.cancel(before)
    service.until_state(before, "Canceled")
    types = [x.type for x in service.stream()[:2]]
    assert types == ["PolicySchemaRecorded", "PolicyActivated"]
    status, report = recheck(service)
    assert (status, report["different"], report["unknown"]) == (0, 0, {})
    service.stop()
    assert checked(service) == []

    refusal = [x for x in stream_of(service.data) if x.type == "JobCancelRefused"][-1]
    last = [x for x in stream_of(service.data) if x.aggregate == refusal.aggregate][-1]
    made_up = deepcopy(refusal.data)
    made_up["decision"]["digest"] = "0" * 64
    (position,) = published(service.data, forged(last, "JobCancelRefused", made_up))
    assert ("policy", position) in checked(service)


def checked(one: Service) -> list[tuple[str, int]]:
    """What fsck finds: the kind of each damage, and where."""
    command = [COUNTERMAND, "fsck", "--data", str(one.data), "--no-views", "-o", "json"]
    said = said_by(command, one.clean_environment(), one.home, seconds=VERB_SECONDS_MAX)
    return [(x["kind"], x["position"]) for x in json.loads(said.out)["damage"]]
