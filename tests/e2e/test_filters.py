"""Filters of the site as real programs: seen by everybody, and through ``kill -9``."""

import os
from typing import Final

import pytest

from tests.e2e.service import STOP_SECONDS_MAX, Service
from tests.e2e.stream import check_history
from tests.support.filter_scripts import script
from tests.support.processes import belonging_to, command_line
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

JOBS_MAX: Final = 4


def set_filter(service: Service, kind: str, path: str) -> None:
    service.ask("PUT", f"/parameters/{kind}FilterProgram", {"value": path})


def waiting(service: Service, ends: str) -> str:
    """A filter that waits for a word about its job; it leaves a process in the background."""
    for job in range(1, JOBS_MAX):
        os.mkfifo(service.home / f"pipe-{job}")
    lines = f"setsid sleep 600 &\nread answer <{service.home}/pipe-$CCP_JOBID\n{ends}"
    return script(service.home / "site", "check", lines)


def running(service: Service) -> list[int]:
    """Every process of a filter: the ushers, the programs, and what they started."""
    own = str(service.data / "filters")
    return [one.pid for one in belonging_to(own)]


def go_on(service: Service, job: int) -> None:
    """The word that the filter waits for, as soon as it does."""
    (service.home / f"pipe-{job}").write_text("go\n")


def test_a_job_is_seen_in_external_validation_while_its_filter_runs(service: Service) -> None:
    service.start()
    path = waiting(service, "exit 0")
    set_filter(service, "Submission", path)
    job = service.submit("true")
    service.until_state(job, "ExternalValidation")
    assert "ExternalValidation" in service.cli("show", str(job)).out
    until(
        lambda: f"{job} " in service.cli("ls", "--state", "ExternalValidation").out,
        "the list shows it",
    )
    refused = service.cli("cancel", str(job))
    assert refused.status == 6
    assert "ExternalValidation" in refused.err + refused.out
    other = service.submit("true")
    service.until_state(other, "ExternalValidation")
    for one in (other, job):
        go_on(service, one)
        service.until_state(one, "Finished")
    until(lambda: not running(service), "an end of all filters")
    check_history(service.stream())


def test_a_service_killed_while_its_filter_runs_asks_again(service: Service) -> None:
    service.start()
    path = waiting(service, "echo no budget; exit 3")
    set_filter(service, "Submission", path)
    job = service.submit("true")
    service.until_state(job, "ExternalValidation")
    until(lambda: len(running(service)) >= 3, "the usher, the filter, and its child")
    service.kill()
    until(lambda: not running(service), "an end of what the filter started")
    service.start()
    service.until_state(job, "ExternalValidation", "Failed")
    go_on(service, job)
    ended = service.until_state(job, "Failed")
    assert ended["error_code"] == "0x80040642"
    assert ended["error_message"].endswith("refused the job: exit code 3, no budget")
    types = [e.type for e in service.events(job)]
    assert types.count("JobExternalValidationStarted") == 1
    assert "It was rejected" in service.cli("explain", str(job)).out
    assert list((service.data / "filters").iterdir()) == []
    check_history(service.stream())


def test_a_service_that_is_told_to_end_takes_its_filters_along(service: Service) -> None:
    service.start()
    set_filter(service, "Submission", waiting(service, "exit 0"))
    job = service.submit("true")
    until(lambda: len(running(service)) >= 3, "the usher, the filter, and its child")
    assert service.stop() < STOP_SECONDS_MAX
    assert not running(service)
    service.start()
    go_on(service, job)
    service.until_state(job, "Finished")


def test_an_usher_that_is_killed_takes_its_filter_with_it_and_is_replaced(service: Service) -> None:
    service.start()
    path = waiting(service, "exit 0")
    set_filter(service, "Activation", path)
    job = service.submit("true")
    until(lambda: len(running(service)) >= 3, "the filter")
    (usher,) = [pid for pid in running(service) if "usher.py" in command_line(pid)]
    before = set(running(service))
    os.kill(usher, 9)
    until(lambda: not before & set(running(service)), "an end of all that was below it")
    until(lambda: "filter_waits" in service.log, "a word about it")
    go_on(service, job)
    service.until_state(job, "Finished")
    assert service.job(job)["held"] is None


def test_what_holds_a_job_and_what_starts_it_is_on_the_record(service: Service) -> None:
    service.start()
    path = script(service.home / "site", "licenses", "printf 'none \\033[31mfree\\n'; exit 3")
    set_filter(service, "Activation", path)
    job = service.submit("true")
    until(lambda: service.job(job)["held"], "the job is held")
    held = service.job(job)["held"]
    assert (held["filter"], held["hold"], held["exit_code"]) == (path, "job", 3)
    assert held["again_seconds"] == 900
    assert "none [31mfree" in held["reason"]
    assert "held by the activation filter" in service.cli("explain", str(job)).out
    until(lambda: "held_job" in service.cli("audit", "--kind", "filter").out, "a row of the trail")
    slow = script(service.home / "site", "slow", "exec sleep 600")
    service.ask("PUT", "/parameters/ActivationFilterTimeout", {"value": "1"})
    set_filter(service, "Activation", slow)
    service.until_state(job, "Finished")
    started = next(e for e in service.events(job) if e.type == "JobStarted")
    assert (started.data["filter"], started.data["filter_outcome"]) == (slow, "timed_out")
    assert "gave no answer in time" in service.cli("explain", str(job)).out
    until(lambda: not running(service), "an end of all filters")
    check_history(service.stream())


def until_doctor(service: Service, sentence: str) -> None:
    """Wait until ``doctor`` says so: the journal, which it reads, follows the stream."""
    until(lambda: sentence in service.doctor(), f"doctor says: {sentence}")


def test_a_filter_that_cannot_be_run_is_told_alike_by_health_and_by_doctor(
    service: Service,
) -> None:
    service.start()
    assert "no filter is set" in service.doctor()
    for kind, meanwhile in (
        ("submission", "every job that is submitted is refused"),
        ("activation", "no job starts"),
    ):
        program = f"/nowhere/{kind}"
        set_filter(service, kind.title(), program)
        sentence = f"the {kind} filter cannot be run, and {meanwhile}: there is no file {program}"
        advice = f"mend it, or set {kind.title()}FilterProgram to another program or to none"
        health = service.health()
        assert health["status"] == "degraded"
        assert f"{sentence}; {advice}" in health["reasons"]
        until_doctor(service, sentence)
        assert advice in service.doctor()
        set_filter(service, kind.title(), script(service.home / "site", kind, "exit 0"))
        assert service.health()["reasons"] == []
        until_doctor(service, f"the {kind} filter {service.home / 'site' / kind} can be run")
        assert sentence not in service.doctor()


def test_jobs_that_wait_for_an_activation_filter_that_fails_are_told_by_health(
    service: Service,
) -> None:
    service.start()
    path = script(service.home / "site", "check", "echo no licence server; exit 9")
    set_filter(service, "Activation", path)
    service.submit("true")
    sentence = (
        f"1 job waits for the activation filter {path}, which fails: exit code 9, no licence server"
    )
    until(lambda: sentence in service.health()["reasons"], "health says so")
    assert service.health()["status"] == "degraded"
    set_filter(service, "Activation", "none")
    until(lambda: service.health()["reasons"] == [], "nothing is left of it")
