"""completion: what shells are told, by the scripts that they really run."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from adapters.cli.typed.completing import ASK_SECONDS_MAX
from tests.adapters.cli.conftest import PROGRAM, Cli
from tests.support.stand_in_jobs import Answer
from tests.support.stand_in_server import StandIn

WORDS_IN_BASH: Final = """
eval "$(countermand completion bash)"
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_countermand_completion countermand
printf '%s\\n' "${COMPREPLY[@]}"
"""
IN_ZSH: Final = """
autoload -U compinit; compinit -u -D
eval "$(countermand completion zsh)"
compadd() { print -rl -- "${(@)argv[4,-1]}" }
_describe() { print -rl -- "${(@P)argv[3]}" }
words=("$@") CURRENT=$#
_countermand_completion
"""
IN_FISH: Final = """
countermand completion fish | source
complete --do-complete "$argv"
"""


class Shell:
    """A shell that completes: what it would offer for some words, the last one unfinished."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def bash(self, *words: str) -> list[str]:
        return self._run("bash", "-c", WORDS_IN_BASH, "bash", *words)

    def fish(self, line: str) -> list[str]:
        return self._run("fish", "--no-config", "-c", IN_FISH, line)

    def _run(self, *command: str) -> list[str]:
        path = f"{Path(PROGRAM).parent}:{self._environment['PATH']}"
        done = subprocess.run(
            command,
            env=self._environment | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.split("\n")[:-1]


@pytest.fixture
def shell(environment: dict[str, str]) -> Shell:
    return Shell(environment)


@pytest.fixture(autouse=True)
def jobs(server: StandIn) -> None:
    server.add_job(16, "Finished")
    server.add_job(17, "Running")
    server.add_job(170, "Queued")
    server.add_job(23, "Canceled")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("can",), ["cancel"]),
        (("cancel", ""), ["170", "17"]),
        (("cancel", "17", "1"), ["170"]),
        (("cancel", "--forc"), ["--force"]),
        (("finish", "17"), ["170", "17"]),
        (("requeue", ""), ["23"]),
        (("show", "2"), ["23"]),
        (("explain", "1"), ["170", "17", "16"]),
        (("ls", "--state", "Cancel"), ["Canceled", "Canceling"]),
        (("audit", "--kind", "re"), ["request", "repeat", "refusal", "requeue", "removal"]),
        (("audit", "--job", "2"), ["23"]),
        (("audit", "--type", "JobCancele"), ["JobCanceled"]),
        (("watch", "--type", "jobcancele"), ["JobCanceled"]),
        (("watch", "--job", "2"), ["23"]),
        (("schema", "JobAd"), ["JobAdded"]),
        (("schema", "as"), ["asyncapi"]),
        (("params", "T"), ["TaskCancelGracePeriod", "TTLCompletedJobs", "TaskRetryCount"]),
        (("ls", "--sort", "c"), ["changed", "created"]),
        (("ls", "--fields", "na"), ["name"]),
        (("ls", "--fields", "name,cancel.a"), ["name,cancel.actor", "name,cancel.at"]),
        (("ls", "--stuck", "--fields", "due"), ["due_at"]),
        (("show", "17", "--events", "--fields", "unr"), ["unreadable"]),
        (("replay", "17", "--diff", "1..2", "--fields", "b"), ["before"]),
        (("projections", "--fields", "be"), ["behind"]),
        (("audit", "ex"), ["export"]),
        (("audit", "disk", "ex"), [""]),
        (("audit", "export", "--force"), ["--forced", "--force-overwrite"]),
        (("replay", "17", "--break-on", "TaskSu"), ["TaskSurvivorsGone"]),
        (("projections", "re"), ["rebuild"]),
        (("projections", "rebuild", "job"), ["job_view"]),
        (("principals", "re"), ["remove"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("show", "-o", ""), ["table", "json", "ndjson", "csv", "tsv"]),
    ],
    ids=lambda x: " ".join(x),
)
def test_bash(shell: Shell, words: tuple[str, ...], offered: list[str]) -> None:
    assert shell.bash("countermand", *words) == offered


def test_tasks_and_subtasks_stand_behind_their_job(server: StandIn, shell: Shell) -> None:
    task = {"state": "Running", "name": "", "command": "work *"}
    tasks = Answer(200, {"tasks": [{**task, "task_id": n} for n in (1, 2, 12)]})
    server.plan("GET", "/api/v1/jobs/17/tasks", tasks, tasks)
    assert shell.bash("countermand", "cancel", "17.") == ["17.1", "17.2", "17.12"]
    assert shell.bash("countermand", "show", "17.1") == ["17.1", "17.12"]
    subtasks = Answer(200, {"subtasks": [{**task, "subtask_id": n} for n in (5, 6)]})
    server.plan("GET", "/api/v1/jobs/17/tasks/2/subtasks", subtasks)
    assert shell.bash("countermand", "requeue", "17.2.6") == ["17.2.6"]
    assert shell.bash("countermand", "configure", "17.") == [""]


def test_the_states_that_a_verb_is_for_are_asked_for(server: StandIn, shell: Shell) -> None:
    shell.bash("countermand", "requeue", "")
    (request,) = server.requests
    assert (request.path, request.query["state"]) == ("/api/v1/jobs", ["Failed", "Canceled"])


def test_where_and_as_whom_the_line_says(server: StandIn, shell: Shell) -> None:
    where = f"http://127.0.0.1:{server.port}"
    said = ("--endpoint", where, "--token", str(server.token_file), "--as", "bob")
    assert shell.bash("countermand", "show", *said, "17") == ["170", "17"]
    (request,) = server.requests
    assert request.who == "carol"
    assert request.headers["countermand-as"] == "bob"


@pytest.mark.parametrize(
    "answer", [Answer(500, b"?"), Answer(200, b"?"), Answer(cut=True), Answer(200, {"jobs": 7})]
)
def test_what_goes_wrong_offers_nothing(server: StandIn, shell: Shell, answer: Answer) -> None:
    server.plan("GET", "/api/v1/jobs", *[answer] * 5)
    assert shell.bash("countermand", "cancel", "") == [""]
    assert shell.bash("countermand", "cancel", "--endpoint", "/nowhere", "") == [""]


def test_a_server_that_is_silent_is_not_waited_for(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        assert shell.bash("countermand", "cancel", "--endpoint", where, "") == [""]
        assert time.monotonic() - began < ASK_SECONDS_MAX + 10, "one attempt, and a start"


def test_a_hostile_name_is_a_name(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(99, "Running", name="x\nplain,rm -rf\x1b[31m\u202e")
    asked = {"COMP_WORDS": "countermand cancel 99", "COMP_CWORD": "2"}
    for shell in ("bash", "zsh", "fish"):
        said = {**environment, **asked, "_COUNTERMAND_COMPLETE": f"{shell}_complete"}
        done = subprocess.run([PROGRAM], env=said, capture_output=True, text=True, check=True)
        assert len(done.stdout.splitlines()) == (3 if shell == "zsh" else 1)
        assert all(c.isprintable() or c in "\n\t" for c in done.stdout)


def test_an_unknown_shell_gets_nothing(environment: dict[str, str], cli: Cli) -> None:
    said = environment | {"_COUNTERMAND_COMPLETE": "csh_complete"}
    done = subprocess.run([PROGRAM], env=said, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert "'bash', 'zsh', 'fish'" in cli("completion", "csh").stderr


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh(shell: Shell) -> None:
    """With its own words for how to show things, so that they can be read."""
    command = ("zsh", "-f", "-c", IN_ZSH, "zsh")
    assert shell._run(*command, "countermand", "cancel", "17") == [
        "170:Queued job 170",
        "17:Running job 17",
    ]
    assert shell._run(*command, "countermand", "expl") == [
        "explain:Say in sentences why a job ended."
    ]


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
def test_fish(shell: Shell) -> None:
    assert sorted(shell.fish("countermand cancel 17")) == [
        "17\tRunning job 17",
        "170\tQueued job 170",
    ]
    assert shell.fish("countermand expl") == ["explain\tSay in sentences why a job ended."]
