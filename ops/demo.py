"""The story of a first cancel, told on real processes and a real stream; ends with status 0 or says
what was not as it should be.

It starts a service of its own in a temporary directory, plays alice, bob and an administrator
through the command line, kills the service once with SIGKILL, and leaves nothing behind.

    python ops/demo.py [--keep DIR]      DIR: keep the data directory there afterwards
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

WAIT_SECONDS: Final = 30.0
GRACE_SECONDS: Final = 2
TIME_TO_REPEAT_SECONDS: Final = 10
"""The grace period of the cancel that is asked for twice, also on a busy machine."""

SLOTS: Final = 6
TIDY: Final = (
    "trap 'echo tidy >>{file}; exit 0' TERM; echo up >>{file}; while :; do sleep 0.05; done"
)
STUBBORN: Final = (
    "trap '' TERM; (setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &); "
    "echo up >>{file}; while :; do sleep 1; done"
)
LONG_MESSAGE: Final = "x" * 321
MARK: Final = "DEMO_TRACES"
Json = dict[str, Any]


class NotAsItShould(Exception):
    """A step of the story did not come out."""


class World:
    """The service, the people, and a directory where tasks leave traces."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.traces = directory / "traces"
        self.traces.mkdir()
        self.traces.chmod(0o777)
        directory.chmod(0o711)
        self.service: subprocess.Popen[bytes] | None = None
        self.tokens: dict[str, Path] = {}

    # --- the service ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the service and wait for its endpoint."""
        endpoint = self.data / "run" / "endpoint.json"
        endpoint.unlink(missing_ok=True)
        arguments = ["serve", "--data", str(self.data), "--slots", str(SLOTS), "--stop-tasks"]
        log = (self.data.parent / "service.log").open("ab")
        self.service = subprocess.Popen([*countermand(), *arguments], stdout=log, stderr=log)
        log.close()
        self.until(lambda: endpoint.exists() or self.service_ended(), "the service answers")
        if not endpoint.exists():
            raise NotAsItShould((self.data.parent / "service.log").read_text()[-2000:])

    def service_ended(self) -> bool:
        """Whether the service is not running."""
        return self.service is None or self.service.poll() is not None

    def kill_service(self) -> None:
        """SIGKILL, as a crash would."""
        if self.service is not None:
            self.service.kill()
            self.service.wait()

    def stop(self) -> None:
        """End the service and every task of it."""
        if self.service is None or self.service_ended():
            return
        for number in range(1, 1 + self.last_job):
            self.run(
                "cancel", str(number), "--force", "-m", "the demonstration is over", check=None
            )
        self.service.send_signal(signal.SIGTERM)
        self.service.wait(WAIT_SECONDS)

    last_job = 0

    # --- people -----------------------------------------------------------------------------------

    def add_person(self, name: str) -> None:
        """Give somebody an account and a token."""
        self.tokens[name] = self.data.parent / f"{name}.token"
        self.run("principals", "add", name, "--token-file", str(self.tokens[name]))

    def run(self, *arguments: str, who: str = "", check: int | None = 0) -> tuple[int, str, str]:
        """One command line; its status, standard output and standard error."""
        environment = {**os.environ, "COUNTERMAND_ENDPOINT": str(self.data / "run/endpoint.json")}
        environment["COUNTERMAND_DATA"] = str(self.data)
        if who:
            environment["COUNTERMAND_TOKEN_FILE"] = str(self.tokens[who])
        done = subprocess.run(
            [*countermand(), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS * 2,
            check=False,
        )
        if check is not None and done.returncode != check:
            raise NotAsItShould(
                f"countermand {' '.join(arguments)[:200]} ended with {done.returncode}, expected "
                f"{check}: {done.stdout}{done.stderr}"
            )
        return done.returncode, done.stdout, done.stderr

    def says(self, *arguments: str, who: str = "", check: int | None = 0) -> str:
        """What a command said, on either stream."""
        _, out, err = self.run(*arguments, who=who, check=check)
        return " ".join((out + err).split())

    def ask(self, *arguments: str, who: str = "") -> Json:
        """A command's answer as JSON."""
        answer = json.loads(self.run(*arguments, "-o", "json", who=who)[1])
        assert isinstance(answer, dict)
        return answer

    # --- jobs -------------------------------------------------------------------------------------

    def submit(self, name: str, *tasks: str, who: str = "alice", more: tuple[str, ...] = ()) -> int:
        """A job with these command lines; its number."""
        options = [x for task in tasks for x in ("--task", task)]
        options += ["--env", f"{MARK}={self.traces}"]
        answer = self.ask("submit", "--name", name, *options, *more, who=who)
        return int(answer["job_id"])

    def job(self, number: int) -> Json:
        """A job as it is now."""
        return self.ask("show", str(number))

    def events(self, number: int) -> list[Json]:
        """A job's events, decoded."""
        found = self.ask("show", str(number), "--events")["events"]
        return [x["event"] for x in found]

    def facts(self, number: int, name: str) -> list[Json]:
        """The data of a job's events of one type."""
        return [x["data"] for x in self.events(number) if x["type"] == f"countermand.{name}.v1"]

    def until_state(self, number: int, *states: str) -> Json:
        """The job when it is in one of ``states``."""
        self.until(lambda: self.job(number)["state"] in states, f"job {number} is {states}")
        return self.job(number)

    def until_up(self, file: Path, count: int) -> None:
        """Wait until ``count`` tasks have said that they are up."""
        self.until(lambda: lines(file).count("up") >= count, f"{count} tasks are up")

    def until(self, good: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not good():
            if time.monotonic() > deadline:
                raise NotAsItShould(f"waited {WAIT_SECONDS:.0f} s in vain until {what}")
            time.sleep(0.05)

    def trace(self, name: str) -> Path:
        """A file for tasks to write to, whatever account they run as."""
        file = self.traces / name
        file.touch()
        file.chmod(0o666)
        return file


# --- the story ------------------------------------------------------------------------------------


def normal_cancel(world: World) -> int:
    """Tasks that handle the stop signal clean up, and the node release task runs."""
    file = world.trace("tidy")
    task, release = TIDY.format(file=file), f"echo released >>{file}"
    number = world.submit("tidy", task, task, more=("--release", release))
    world.until_up(file, 2)
    tell(
        world.says(
            "cancel", str(number), "-m", "disk is filling up \N{OCTAGONAL SIGN}", who="alice"
        )
    )
    world.until_state(number, "Canceled")
    expect(lines(file).count("tidy") == 2, "both tasks cleaned up")
    expect(lines(file)[-1] == "released", "the node release task ran last")
    expect(
        len(world.facts(number, "TaskStopped")) == 2, "both tasks ended within their grace period"
    )
    tell(f"ErrorMessage of job {number}: {world.job(number)['error_message']}")
    return number


def grace_runs_out(world: World) -> None:
    """A task that ignores the signal, forks twice and changes its session is killed, all of it."""
    file = world.trace("stubborn")
    number = world.submit("stubborn", STUBBORN.format(file=file))
    world.until_up(file, 1)
    world.says("params", "TaskCancelGracePeriod", str(TIME_TO_REPEAT_SECONDS))
    tell(world.says("cancel", str(number), "-m", "out of patience", who="alice"))
    again = world.says("cancel", str(number), "-m", "I mean it", who="alice")
    tell(f"asked again: {again}")
    expect("already being canceled" in again, "a repeat says what is going on")
    world.says("params", "TaskCancelGracePeriod", str(GRACE_SECONDS))
    world.until_state(number, "Canceled")
    (stop,) = world.facts(number, "TaskForceStopped")
    expect(
        stop["why"] == "grace_expired" and stop["survivors"] == 0, "killed after its grace period"
    )
    expect(processes_of(number, world) == 0, "nothing of the job is left running")
    tell(f"killed {stop['killed']} processes after {stop['after_ms']} ms; none survived")


def graceful_then_forced(world: World) -> None:
    """A graceful cancel waits for the tasks; forced takes over, and node release is skipped."""
    file = world.trace("graceful")
    options = ("--release", f"echo released >>{file}")
    number = world.submit("graceful", TIDY.format(file=file), more=options)
    world.until_up(file, 1)
    tell(world.says("cancel", str(number), "--graceful", "-m", "after this step", who="alice"))
    expect(world.job(number)["state"] == "Canceling", "the task runs on")
    tell(world.says("cancel", str(number), "--force", "-m", "no, now", who="alice"))
    world.until_state(number, "Canceled")
    expect(lines(file) == ["up"], "no clean-up and no node release")
    expect(
        len(world.facts(number, "NodeReleaseSkipped")) == 1, "the skipped node release is a fact"
    )


def refusals(world: World) -> None:
    """Somebody else, 321 characters, a finished job: each refused, and each refusal recorded."""
    file = world.trace("refused")
    number = world.submit("mine", TIDY.format(file=file))
    world.until_up(file, 1)
    tell(world.says("cancel", str(number), "-m", "I want the node", who="bob", check=5))
    tell(world.says("cancel", str(number), "-m", LONG_MESSAGE, who="alice", check=5))
    expect(len(world.facts(number, "JobCancelRefused")) == 2, "both refusals stand in the history")
    expect(world.job(number)["state"] == "Running", "the job runs on")
    finished = world.submit("short", "true")
    world.until_state(finished, "Finished")
    tell(world.says("cancel", str(finished), who="alice", check=6))
    world.run("cancel", str(number), "--force", who="alice")
    world.until_state(number, "Canceled")


def queued_job(world: World) -> None:
    """A job that waits for a slot is canceled before anything of it runs."""
    file = world.trace("full")
    full = world.submit("fills every slot", *[TIDY.format(file=file)] * SLOTS)
    world.until_up(file, SLOTS)
    number = world.submit("waits", "echo never")
    world.until_state(number, "Queued")
    tell(world.says("cancel", str(number), "-m", "not needed any more", who="alice"))
    world.until_state(number, "Canceled")
    expect(not world.facts(number, "TaskStarted"), "nothing of it ran")
    world.run("cancel", str(full), "--force", who="alice")
    world.until_state(full, "Canceled")


def command_job(world: World) -> None:
    """Only a cluster administrator may create or cancel a command job."""
    file = world.trace("command")
    task = TIDY.format(file=file)
    tell(world.says("submit", "--admin", "--task", task, who="alice", check=5))
    number = world.submit("command job", task, who="", more=("--admin",))
    world.until_up(file, 1)
    tell(world.says("cancel", str(number), who="alice", check=5))
    tell(world.says("cancel", str(number), "-m", "maintenance is over"))
    world.until_state(number, "Canceled")


def requeue(world: World) -> None:
    """Queued again, finished tasks stay finished and the rest runs again."""
    file = world.trace("again")
    number = world.submit("again", "true", TIDY.format(file=file))
    world.until_up(file, 1)
    world.until(lambda: world.job(number)["tasks"][0]["state"] == "Finished", "task 1 finished")
    world.run("cancel", str(number), "-m", "wrong node", who="alice")
    world.until_state(number, "Canceled")
    tell(world.says("requeue", str(number), who="alice"))
    world.until_up(file, 2)
    first, second = world.job(number)["tasks"]
    expect((first["state"], first["attempt"]) == ("Finished", 1), "the finished task was kept")
    expect((second["state"], second["attempt"]) == ("Running", 2), "the other runs a second time")
    world.run("cancel", str(number), "--force", who="alice")
    world.until_state(number, "Canceled")


def killed_in_the_middle(world: World) -> int:
    """The service is killed in a grace period; the next one carries the cancel to its end."""
    file = world.trace("crash")
    number = world.submit("crash", STUBBORN.format(file=file), more=("--release", "true"))
    world.until_up(file, 1)
    tell(world.says("cancel", str(number), "-m", "stop through a crash", who="alice"))
    world.until(lambda: bool(world.facts(number, "TaskStopOrdered")), "the stop is ordered")
    world.kill_service()
    tell("service killed with SIGKILL; starting it again")
    world.start()
    world.until_state(number, "Canceled")
    (stop,) = world.facts(number, "TaskForceStopped")
    expect(stop["why"] == "grace_expired", "the grace period ran out as ordered")
    expect(len(world.facts(number, "JobCanceled")) == 1, "canceled once")
    expect(processes_of(number, world) == 0, "nothing of the job is left running")
    tell(f"killed {stop['after_ms']} ms after the signal, through the crash")
    return number


def told_again(world: World, number: int) -> None:
    """One job's events as a table, its replay, and the proof that replay equals the live state."""
    print(textwrap.indent(world.run("show", str(number), "--events")[1], "    "))
    print(textwrap.indent(world.run("replay", str(number))[1], "    "))
    expect(world.ask("replay", str(number))["matches_live"] is True, "replay equals the live state")


def tell_story(world: World) -> None:
    """All of it, in order."""
    step("A service on an empty directory: stream, users and journal are made")
    world.start()
    world.add_person("alice")
    world.add_person("bob")
    tell(world.says("params", "TaskCancelGracePeriod", str(GRACE_SECONDS)))
    step("A normal cancel, with a message")
    normal_cancel(world)
    step("A cancel whose grace period runs out, and a repeat")
    grace_runs_out(world)
    step("A graceful cancel, escalated to forced")
    graceful_then_forced(world)
    step("Refused: somebody else, 321 characters, a finished job")
    refusals(world)
    step("A queued job")
    queued_job(world)
    step("A command job")
    command_job(world)
    step("Requeue")
    requeue(world)
    step("The service killed with SIGKILL in the middle of a grace period")
    number = killed_in_the_middle(world)
    step("The same job, told again from its events")
    told_again(world, number)


# --- how ------------------------------------------------------------------------------------------


def countermand() -> list[str]:
    """The command line, of this very environment."""
    return [str(Path(sys.executable).with_name("countermand"))]


def lines(file: Path) -> list[str]:
    """What tasks wrote."""
    return file.read_text().split()


def processes_of(number: int, world: World) -> int:
    """How many processes carry this job's number and this story's mark in their environment."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes().split(b"\0")
        except OSError:
            continue
        wanted = {f"CCP_JOBID={number}".encode(), f"{MARK}={world.traces}".encode()}
        found += wanted <= set(environment)
    return found


def step(title: str) -> None:
    """A heading."""
    print(f"\n== {title}", flush=True)


def tell(sentence: str) -> None:
    """A line of the story."""
    print(textwrap.shorten(sentence, 200, placeholder=" ..."), flush=True)


def expect(condition: bool, sentence: str) -> None:
    """Say that something came out as it should, or end the story."""
    if not condition:
        raise NotAsItShould(f"not so: {sentence}")
    print(f"   ok: {sentence}", flush=True)


def main() -> int:
    """Tell the story; 0 when everything came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keep", type=Path, help="keep the data directory here")
    keep: Path | None = parser.parse_args().keep
    directory = Path(tempfile.mkdtemp(prefix="countermand-demo-"))
    world = World(directory)
    try:
        tell_story(world)
        print("\nEverything came out as it should.")
        return 0
    except NotAsItShould as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    finally:
        world.stop()
        if keep is not None:
            shutil.copytree(world.data, keep, ignore=shutil.ignore_patterns("*.sock"))
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
