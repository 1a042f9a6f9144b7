"""Cancels that a rule holds, on the whole service: seen, withdrawn, killed over, and done once."""

import json
from typing import Final

import pytest

from adapters.policy import default_text
from tests.e2e.service import Service
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OWNERS: Final = '@id("owner-controls")\n@who("owner")'
LONG: Final = default_text().replace(OWNERS, f'{OWNERS}\n@hold("1h")')
SHORT: Final = default_text().replace(OWNERS, f'{OWNERS}\n@hold("10s")')
TWO: Final = default_text().replace(OWNERS, f'{OWNERS}\n@approvals("1")')
SHORT_AND_ONE: Final = default_text().replace(OWNERS, f'{OWNERS}\n@hold("2s")\n@approvals("1")')
FROZEN: Final = (
    default_text() + '@id("frozen") forbid (principal, action == Action::"cancel", resource);'
)
REFUSED: Final = 5
WAITING: Final = 9
ILLEGAL: Final = 6


def types(service: Service, job: int) -> list[str]:
    """The names of a job's events about cancels."""
    return [
        e.type for e in service.events(job) if "JobCancel" in e.type and e.type != "JobCanceled"
    ]


def test_a_held_cancel_is_shown_everywhere_and_can_be_withdrawn(service: Service) -> None:
    job = service.start_ruled(LONG).submit("sleep 600")
    service.until_state(job, "Running")
    said = service.cli("cancel", str(job), "-m", "the disk is full", "--id", "disk-1")
    assert said.status == WAITING, said
    assert "held until" in said.out
    again = service.cli("cancel", str(job), "-m", "really")
    assert (again.status, "waits already" in again.out) == (WAITING, True), again
    assert "disk-1" in service.cli("pending").out
    assert "held until" in service.cli("show", str(job)).out
    assert "was held until" in service.cli("explain", str(job)).out
    (row,) = service.ask("GET", f"/audit?job={job}&outcome=held")["rows"]
    assert "held until" in row["detail"]
    assert service.job(job)["waiting_cancels"][0]["due"] in row["detail"]
    done = service.cli("withdraw", str(job), "-m", "the wrong job")
    assert (done.status, "withdrawn" in done.out) == (0, True), done
    assert service.cli("withdraw", str(job), "-m", "again").status == ILLEGAL
    assert service.ask("GET", "/pending")["cancels"] == []
    assert service.job(job)["state"] == "Running"
    assert types(service, job) == ["JobCancelHeld", "JobCancelRepeated", "JobCancelWithdrawn"]


def test_a_held_cancel_survives_kill_9_and_takes_effect_once(service: Service) -> None:
    job = service.start_ruled(SHORT).submit("sleep 600")
    service.until_state(job, "Running")
    assert service.cli("cancel", str(job), "-m", "full", "--id", "disk-1").status == WAITING
    service.kill()
    service.start_ruled(SHORT)
    waited = service.cli("cancel", str(job), "-m", "full", "--id", "disk-1", "--wait=60s")
    assert (waited.status, "Canceled" in waited.out) == (0, True), waited
    assert types(service, job) == ["JobCancelHeld", "JobCancelRequested"]
    assert service.cli("fsck").status == 0


def test_somebody_else_has_to_approve(service: Service) -> None:
    job = service.start_ruled(TWO).submit("sleep 600")
    service.until_state(job, "Running")
    foreseen = service.cli("policy", "explain", str(job))
    assert (foreseen.status, "it waits first" in foreseen.out) == (WAITING, True), foreseen
    assert service.cli("cancel", str(job), "--id", "disk-1").status == WAITING
    own = service.cli("approve", str(job), "-m", "I may")
    assert (own.status, "somebody else has to approve it" in own.err + own.out) == (5, True), own
    file = str(service.home / "olga.token")
    role, data = ("--role", "job-operator"), ("--data", str(service.data))
    assert service.cli("principals", "add", "olga", *role, "--token-file", file, *data).status == 0
    done = service.cli("approve", str(job), "-m", "seen", "--token", file)
    assert (done.status, "1 of 1" in done.out) == (0, True), done
    service.until_state(job, "Canceled")
    assert types(service, job)[:4] == [
        "JobCancelHeld",
        "JobCancelApprovalRequested",
        "JobCancelApproved",
        "JobCancelRequested",
    ]


def test_rules_are_overridden_loudly_and_somebody_else_reviews_it(service: Service) -> None:
    job = service.start_ruled(FROZEN).submit("sleep 600")
    service.until_state(job, "Running")
    assert service.cli("cancel", str(job), "-m", "please").status == REFUSED
    assert service.cli("cancel", str(job), "--break-glass").status == 2
    done = service.cli("cancel", str(job), "--break-glass", "-m", "fire", "--id", "g-1")
    assert (done.status, "cancel accepted" in done.out) == (0, True), done
    service.until_state(job, "Canceled")
    (used,) = [x for x in service.events(job) if x.type == "BreakGlassUsed"]
    why = service.cli("policy", "why", str(used.position), "--data", str(service.data))
    assert (why.status, "answer     deny" in why.out, "frozen" in why.out) == (0, True, True), why
    logged = [json.loads(x) for x in service.log.splitlines() if '"rules_overridden"' in x]
    assert [x["level"] for x in logged] == ["warning"]
    assert "countermand_reviews_open 1.0" in service.http("GET", "/metrics").text
    assert f"{job}/g-1" in service.cli("reviews").out
    assert service.cli("review", f"{job}/g-1", "-m", "fine").status == REFUSED
    file = str(service.home / "jan.token")
    role, data = ("--role", "job-administrator"), ("--data", str(service.data))
    assert service.cli("principals", "add", "jan", *role, "--token-file", file, *data).status == 0
    said = service.cli("review", f"{job}/g-1", "-m", "right: it burned", "--token", file)
    assert (said.status, "reviewed" in said.out) == (0, True), said
    assert service.ask("GET", "/reviews")["reviews"] == []
    assert "overrode what the rules said: deny, by frozen" in service.cli("explain", str(job)).out
    assert service.cli("fsck").status == 0


def test_people_who_are_removed_and_programs_do_not_count(service: Service) -> None:
    """The one asked for it and is gone at the end of the hold; the other is nobody's second."""
    service.start_ruled(SHORT_AND_ONE)
    data, ann, bot = ("--data", str(service.data)), *(str(service.home / x) for x in ("ann", "bot"))
    assert service.cli("principals", "add", "ann", "--token-file", ann, *data).status == 0
    kind = ("--service-account", "--role", "administrator", "--token-file", bot)
    assert service.cli("principals", "add", "bot", *kind, *data).status == 0
    made = service.cli("submit", "--token", ann, "-o", "json", "--", "sleep", "600")
    job = json.loads(made.out)["job_id"]
    service.until_state(job, "Running")
    assert service.cli("cancel", str(job), "--id", "c-1", "--token", ann).status == WAITING
    refused = service.cli("approve", str(job), "-m", "go", "--token", bot)
    assert (refused.status, "bot is a service account" in refused.err) == (REFUSED, True), refused
    assert service.cli("principals", "remove", "ann", *data).status == 0
    assert service.cli("approve", str(job), "-m", "seen").status == 0
    until(lambda: "JobCancelLapsed" in types(service, job), "the cancel lapses")
    (lapsed,) = [x.data for x in service.events(job) if x.type == "JobCancelLapsed"]
    assert (lapsed["rule"], lapsed["unknown"]) == ("requester-is-known", "ann")
    assert service.job(job)["state"] == "Running"
    assert service.cli("fsck").status == 0
