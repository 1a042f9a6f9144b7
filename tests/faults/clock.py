"""Our clock steps back an hour: under load, in the middle of a cancel, and across a restart."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Final

from tests.e2e.home import new_home
from tests.e2e.service import Service
from tests.faults.report import Row
from tests.faults.trial import Trial, kill_both
from tests.support.waiting import until

CLIENTS: Final = 4
ANSWERS: Final = 100
GRACE_SECONDS: Final = 2
ENDS_SECONDS: Final = 15.0
HOUR_SECONDS: Final = 3600
PROMISE: Final = "commands go on, times rise within each job, cancels end in their time"


def play(seed: int, rounds: int | None) -> Iterator[Row]:
    """Stepped under load; killed and started behind; started right again."""
    del seed, rounds
    with new_home() as home, Service(home) as one:
        trial = Trial(one)
        start(one, 0)
        one.set_grace(GRACE_SECONDS)
        step_under_load(trial)
        kill_both(one)
        start(one, 2 * HOUR_SECONDS)
        some_more(trial, "behind")
        one.stop()
        one.start()
        some_more(trial, "right")
        trial.look_at_all()
    yield Row(
        "our clock an hour back",
        3,
        PROMISE,
        "stepped back under load and within a grace period; killed and started two hours behind; "
        "started with the right time again",
        len(trial.ledger.told),
        len(trial.lost),
        wrong=tuple(trial.wrong),
    )


def start(one: Service, back_seconds: int) -> None:
    """The service with a clock that steps, behind by so much."""
    config = one.command()[-1]
    module = ["-m", "tests.faults.clocked_service"]
    one.run([sys.executable, *module, "--config", config, "--back", str(back_seconds)])
    one.wait_ready()


def step_under_load(trial: Trial) -> None:
    """The clock steps while clients work and a deaf task has its grace period."""
    one = trial.one
    deaf = one.deaf_job()
    load = trial.load(CLIENTS, "stepped")
    try:
        load.wait_for(ANSWERS)
        one.cancel(deaf)
        os.kill(one.pid, signal.SIGUSR2)
        load.wait_for(ANSWERS)
    finally:
        trial.end(load)
    try:
        until(lambda: one.job(deaf)["state"] == "Canceled", "the end", ENDS_SECONDS)
    except AssertionError:
        trial.wrong.append("a cancel within its grace period did not end in its time")
    trial.settle()
    trial.look()


def some_more(trial: Trial, name: str) -> None:
    """Clients that must be served."""
    load = trial.load(CLIENTS, name)
    try:
        load.wait_for(ANSWERS)
    finally:
        trial.end(load)
    trial.settle()
    trial.look()
