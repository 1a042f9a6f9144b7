"""Every attribute that a rule may ask about is there in a decision of the whole service, and right.

One rule an attribute and value: those that are so must be among the rules of the refusal, the
others must not.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import pytest

from adapters.policy import default_text
from domain.policy_requests import WEEKDAYS
from tests.e2e.scripts import job_of
from tests.e2e.service import Service
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ACTIONS: Final = 'action == Action::"cancel"'
ALWAYS: Final = f'@id("always") forbid (principal, {ACTIONS}, resource is Job);\n'
HELD: Final = (
    '@id("held") @approvals("2") permit (principal, action == Action::"cancel", resource is Job);\n'
)
APPROVALS: Final = "".join(
    f'@id("{name}") forbid (principal, action == Action::"approve", resource) when '
    f"{{ context has approvals && context.approvals == {n} && context has requester && "
    f'principal.name == "otto" && context has mode && context.mode == Mode::"forced" && '
    f"context.requester != principal.name }};\n"
    for n, name in enumerate(("approved-never", "approved-once", "approved-twice"))
)
FROZEN: Final = (
    '@id("frozen") @deny_message("not in the freeze") forbid (principal, action in '
    '[Action::"set_parameter", Action::"activate_policy", Action::"finish"], resource) when '
    '{ context has freeze_windows && context.freeze_windows.contains("always") };\n'
)
OF_BOB: Final = {
    "name": "nightly-render",
    "priority": "Highest",
    "project": "p-17",
    "labels": {"env": "prod"},
}


class Asks(NamedTuple):
    """A rule: what it asks, and whether that is so of each of the requests below."""

    name: str
    condition: str
    alone: bool
    of_three: bool


def job(name: str, condition: str) -> str:
    """Of an attribute of the job."""
    return f"resource has {name} && resource.{name} {condition}"


def request(name: str, condition: str) -> str:
    """Of one of the context."""
    return f"context has {name} && context.{name} {condition}"


TABLE: Final = (
    Asks("owner", job("owner", '== "bob"'), True, False),
    Asks("type", job("job_type", '== JobType::"Batch"'), True, True),
    Asks("type-admin", job("job_type", '== JobType::"Admin"'), False, False),
    Asks("state", job("state", '== State::"Running"'), True, False),
    Asks("state-held", job("state", '== State::"Configuring"'), False, True),
    Asks("priority", job("priority", '== Priority::"Highest"'), True, False),
    Asks("project", job("project", '== "p-17"'), True, False),
    Asks("name", job("name", 'like "night*"'), True, False),
    Asks("label", job("labels", '.contains("env=prod")'), True, False),
    Asks("label-name", job("labels", '.contains("env")'), True, False),
    Asks("label-other", job("labels", '.contains("env=test")'), False, False),
    Asks("nodes", job("node_count", "== 1"), True, False),
    Asks("no-nodes", job("node_count", "== 0"), False, True),
    Asks("seconds", job("running_seconds", ">= 0"), True, False),
    Asks("seconds-many", job("running_seconds", "> 3600"), False, False),
    Asks("protected", job("protected", "== true"), True, False),
    Asks("legal-hold", job("legal_hold", "== true"), True, False),
    Asks("mode", request("mode", '== Mode::"forced"'), True, False),
    Asks("mode-normal", request("mode", '== Mode::"normal"'), False, True),
    Asks("message", request("message_units", "== 8"), True, False),
    Asks("no-message", request("message_units", "== 0"), False, True),
    Asks("reason", request("reason_code", '== "fire"'), True, False),
    Asks("no-reason", request("reason_code", '== ""'), False, True),
    Asks("origin", 'context.origin == Origin::"http"', True, True),
    Asks("origin-hpc", 'context.origin == Origin::"hpcpack"', False, False),
    Asks("on-behalf-of", "context.actor != principal.name", True, False),
    Asks("for-jane", 'principal.name == "jane"', True, False),
    Asks("window", request("freeze_windows", '.contains("always")'), True, True),
    Asks("window-other", request("freeze_windows", '.contains("never")'), False, False),
    Asks("bulk", request("bulk_size", "== 3"), False, True),
    Asks("no-bulk", request("bulk_size", "== 1"), True, False),
    Asks("waits", request("approvals", ">= 0"), False, False),
    *(Asks(f"hour-{hour}", request("hour", f"== {hour}"), False, False) for hour in range(24)),
    *(
        Asks(f"day-{day}", request("weekday", f'== Weekday::"{day}"'), False, False)
        for day in WEEKDAYS
    ),
)


def rule(asks: Asks) -> str:
    """It forbids when that is so."""
    head = f'@id("{asks.name}") forbid (principal, {ACTIONS}, resource is Job)'
    return f"{head} when {{ {asks.condition} }};\n"


RULES: Final = default_text() + ALWAYS + "".join(map(rule, TABLE))


def at_times(before: datetime, after: datetime) -> set[str]:
    """The rules about the hour and the day of which one fits; two of each at the turn of one."""
    moments = (before, after)
    return {name for at in moments for name in (f"hour-{at.hour}", f"day-{WEEKDAYS[at.weekday()]}")}


def rules_of(answer: Json, service: Service) -> set[str]:
    """Those that determined a refusal, without those about the time, which must be right."""
    position = int(answer["receipt"]["position"])
    event: Json = service.ask("GET", f"/events/{position}")["event"]
    decision = event["data"]["decision"]
    assert decision["errors"] == []
    now = datetime.fromisoformat(event["time"])
    found = set(decision["rules"])
    timed = {name for name in found if name.startswith(("hour-", "day-"))}
    assert timed <= at_times(now - timedelta(seconds=5), now)
    assert len(timed) == 2
    return found - timed - {"always"}


def test_each_attribute_is_there_and_right(service: Service) -> None:
    service.start_ruled(RULES)
    for name in ("bob", "jane"):
        file = str(service.home / f"{name}.token")
        added = ("principals", "add", name, "--token-file", file, "--data", str(service.data))
        assert service.cli(*added).status == 0
    made = job_of("sleep 600", mark=service.home) | OF_BOB
    with service.client(**{"Countermand-As": "bob"}) as bob:
        job = int(bob.post("/jobs", json=made).json()["job_id"])
    others = [service.submit("true", submit=False) for _ in range(3)]
    service.until_state(job, "Running")
    for mark in ("protect", "legal-hold"):
        service.ask("POST", f"/jobs/{job}/{mark}", {"message": "case 117"})
    body = {"forced": True, "message": "the rack", "reason_code": "fire"}
    with service.client(**{"Countermand-As": "jane"}) as jane:
        alone = jane.post(f"/jobs/{job}/cancel", json=body)
    assert alone.status_code == 403
    assert rules_of(alone.json(), service) == {asks.name for asks in TABLE if asks.alone}
    many = service.ask("POST", "/cancellations", {"jobs": others})
    for answer in many["jobs"]:
        found = rules_of(answer["problem"], service)
        assert found == {asks.name for asks in TABLE if asks.of_three}
    assert service.job(job)["state"] == "Running"


def test_who_asked_and_how_many_approved_are_told_when_somebody_approves(
    service: Service,
) -> None:
    service.start_ruled(default_text() + HELD + APPROVALS)
    job = service.submit("true", submit=False)
    service.http("POST", f"/jobs/{job}/cancel", {"forced": True}, key="c-1")
    for name in ("olga", "otto"):
        file, role = str(service.home / f"{name}.token"), ("--role", "job-operator")
        added = ("principals", "add", name, *role, "--token-file", file)
        assert service.cli(*added, "--data", str(service.data)).status == 0
    said = service.cli("approve", str(job), "--token", str(service.home / "olga.token"))
    assert (said.status, "1 of 2" in said.out) == (0, True), said
    said = service.cli("approve", str(job), "--token", str(service.home / "otto.token"))
    assert said.status == 5, said
    refusal = service.events(job)[-1]
    assert refusal.data["decision"]["rules"] == ["approved-once"]
    (asked,) = refusal.data["decision"]["requests"]
    held = next(x for x in service.events(job) if x.type == "JobCancelHeld")
    (first,) = held.data["decision"]["requests"]
    told = (asked["context"]["requester"], asked["context"]["approvals"])
    assert told == (first["principal"]["id"], 1)


def test_what_is_done_on_the_cluster_knows_the_freeze_windows_and_so_does_explain(
    service: Service,
) -> None:
    service.start_ruled(default_text() + FROZEN)
    job, file = service.submit("true", submit=False), service.home / "other.cedar"
    file.write_text(default_text())
    for words in (("params", "JobRetryCount", "4"), ("policy", "propose", str(file))):
        said = service.cli(*words)
        assert (said.status, "not in the freeze" in said.err + said.out) == (5, True), said
    assert service.cli("policy", "explain", str(job)).status == 0
    said = service.cli("policy", "explain", str(job), "--action", "finish")
    assert (said.status, "not in the freeze" in said.out) == (5, True), said
    for unknown in ("999", f"{job} --as nobody-there"):
        said = service.cli("policy", "explain", *unknown.split())
        assert (said.status, "countermand policy test" in said.err) == (3, True), said
