"""``countermand submit``: a job from a command line, or from several."""

import shlex
from functools import partial
from typing import Any, cast

import click

from adapters.cli.doing.outcome import Outcome, line, say, settle
from adapters.cli.exits import DONE, FAILURE, WAIT_RAN_OUT
from adapters.cli.printing.moments import shown
from adapters.cli.printing.stdout import flush, warn
from adapters.cli.reaching.server import quoted
from adapters.cli.reaching.shapes import JobDetail, Receipt
from adapters.cli.reaching.waiting import Wait
from adapters.cli.typed import options as o
from adapters.cli.typed.new_tasks import (
    EXIT_CODES,
    HOLD_UNTIL,
    LABEL,
    PRIORITIES,
    PROJECT,
    PROPERTY,
    SECONDS,
    TASK_RETRIES,
    TaskOptions,
    hint_at_task,
    new_tasks,
    task_options,
)


@click.command(
    "submit",
    cls=o.WaitingForWork,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@click.argument("command", metavar="-- CMD...", nargs=-1, type=click.UNPROCESSED)
@click.option("--name", default="", help="The job's name.")
@task_options
@click.option("--admin", is_flag=True, help="A command job (administrators only).")
@click.option("--priority", type=click.Choice(PRIORITIES, case_sensitive=False), default="Normal")
@click.option("--runtime", metavar="SECONDS", type=SECONDS, default=0, help="How long it may run.")
@click.option("--fail-on-task-failure", is_flag=True, help="The first failed task stops the rest.")
@click.option("--run-until-canceled", is_flag=True, help="Go on when all its tasks have ended.")
@click.option("--run-as", metavar="ACCOUNT", default="", help="Whom the tasks run as.")
@PROJECT
@PROPERTY
@LABEL
@EXIT_CODES
@TASK_RETRIES
@HOLD_UNTIL
@click.option("--hold", is_flag=True, help="Do not submit: the job stays Configuring.")
@click.option("--job", "held", metavar="JOB", help="Submit this held job; nothing new is made.")
@o.wait_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked,
    command: tuple[str, ...],
    tasks: tuple[str, ...],
    held: str | None,
    wait_seconds: float | None,
    if_version: int | None,
    key: str,
    **job: Any,
) -> int:
    """Run something: one command line after --, or several tasks.

    -q prints only the number of the job, -o json the receipt. With --wait the exit status is 0 when
    the job finished and 1 when it failed or was canceled.

    \b
      countermand submit -- python train.py --epochs 3
      countermand submit --name sweep --task "./a; ./b" --task ./c --release ./tidy
      countermand submit --sweep 1-100 --task './step *'     # a subtask for each value of the index
      countermand submit --hold -- ./later        # says its number, such as 17
      countermand submit --job 17
    """
    o.either(("-- CMD", command), ("--task", tasks), ("--job", held))
    o.either(("--job", held), ("--hold", job["hold"]))
    if not (command or tasks or held or job["run_until_canceled"]):
        raise click.UsageError("there is nothing to run: give -- CMD, or --task CMD")
    if if_version is not None and not held:
        raise click.UsageError("--if-version is for --job: a new job has no version yet")
    asked.out.check(Receipt)
    mine = o.the_key(key)
    if held:
        path, body = f"/jobs/{quoted(held)}/submit", {}
    else:
        hint_at_task(asked, command)
        job["hold_until"] = o.moment_or_none(job["hold_until"], asked, "--hold-until")
        path, body = "/jobs", new_job(tasks or ((shlex.join(command),) if command else ()), **job)
    send = partial(asked.server.command, path, body, mine, if_version=if_version)
    outcome = settle(held or "", "submit", mine, send)
    outcome.job = held or str(outcome.receipt.get("job_id") or "")
    told(asked, outcome, made=not held)
    if not outcome.done or wait_seconds is None:
        return outcome.status
    return wait_for_end(asked, outcome.job, wait_seconds)


def new_job(
    commands: tuple[str, ...],
    name: str,
    admin: bool,
    priority: str,
    run_as: str,
    hold: bool,
    runtime: int,
    fail_on_task_failure: bool,
    run_until_canceled: bool,
    project: str | None,
    properties: dict[str, str],
    labels: dict[str, str],
    valid_exit_codes: str | None,
    task_retry_count: int | None,
    hold_until: str | None,
    **said: Any,
) -> dict[str, object]:
    """The request's body."""
    return {
        "name": name,
        "tasks": new_tasks(commands, cast(TaskOptions, said)),
        "job_type": "Admin" if admin else "Batch",
        "priority": priority,
        "run_as": run_as,
        "project": project or "",
        "properties": properties,
        "labels": labels,
        "valid_exit_codes": valid_exit_codes or "",
        "task_retry_count": task_retry_count or 0,
        "hold_until": hold_until or "",
        "fail_on_task_failure": fail_on_task_failure,
        "run_until_canceled": run_until_canceled,
        "runtime_seconds": runtime,
        "submit": not hold,
    }


def told(asked: o.Asked, outcome: Outcome, made: bool) -> None:
    """The answer: a line, a receipt, or only the number."""
    if not asked.out.for_people:
        asked.out.value(outcome.receipt, Receipt)
    elif not outcome.done:
        text = line(outcome.job, outcome.receipt, asked.out.utc)
        warn(text if outcome.job else f"job not made: {text}")
    elif asked.out.quiet:
        asked.out.line(outcome.job)
    elif made and outcome.receipt.get("job_state") != "Configuring":
        asked.out.line(f"job {outcome.job}: submitted")
    elif made:
        asked.out.line(f"job {outcome.job}: made, and held until submitted with --job")
    else:
        say(asked.out, outcome)


def wait_for_end(asked: o.Asked, job: str, wait_seconds: float) -> int:
    """Say how the job ended; 0 only when it finished."""
    flush()
    detail, waited = Wait(asked.server, wait_seconds).job(job)
    if not waited["ended"]:
        asked.out.note(f"job {job}: still {waited['state']}; the waiting is over, the job goes on")
        return WAIT_RAN_OUT
    if not asked.out.for_people:
        asked.out.value(detail, JobDetail)
    elif not asked.out.quiet:
        time = shown(waited["ended_at"], asked.out.utc, clock_only=True)
        why = f": {waited['error_message']}" if waited["error_message"] else ""
        asked.out.line(f"job {job}: {waited['state']} at {time}{why}")
    return DONE if waited["state"] == "Finished" else FAILURE
