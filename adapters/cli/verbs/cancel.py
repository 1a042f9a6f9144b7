"""``countermand cancel``: one line a job, and one request; of many jobs they go together."""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Final

import click

from adapters.cli.doing.bulk import in_bulk, in_parts
from adapters.cli.doing.outcome import Outcome, say, settle, substitute
from adapters.cli.exits import DONE, INTERRUPTED, WAIT_RAN_OUT, Failure, combined
from adapters.cli.printing.events import by
from adapters.cli.printing.moments import shown
from adapters.cli.printing.stdout import Unwritten, flush
from adapters.cli.reaching.shapes import JobDetail, Receipt
from adapters.cli.reaching.waiting import Wait
from adapters.cli.typed import options as o
from adapters.cli.typed.targets import Target, target
from adapters.escape import safe

NAMES_SHOWN: Final = 20


class Order:
    """What is asked of every job named."""

    def __init__(
        self,
        message: str,
        mode: str,
        reason_code: str,
        if_version: int | None = None,
    ) -> None:
        self.message = message
        self.mode = mode
        self.reason_code = reason_code
        self.if_version = if_version

    @property
    def body(self) -> dict[str, object]:
        """The request's body."""
        return {"message": self.message, "mode": self.mode, "reason_code": self.reason_code}


@click.command("cancel", cls=o.WaitingCommand)
@o.jobs_argument
@o.message_option
@o.reason_option
@click.option("--force", is_flag=True, help="Kill at once: no grace period, no node release.")
@click.option("--graceful", is_flag=True, help="Start nothing new; let running tasks end.")
@o.task_option
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be asked; ask nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask back (several jobs, on a terminal).")
@o.wait_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked,
    jobs: tuple[str, ...],
    message: str,
    reason: str,
    force: bool,
    graceful: bool,
    task: int | None,
    dry_run: bool,
    yes: bool,
    wait_seconds: float | None,
    if_version: int | None,
    key: str,
) -> int:
    """Stop jobs, or tasks and subtasks of them: JOB, JOB.TASK or JOB.TASK.SUBTASK.

    Running tasks get the stop signal, the cluster's grace period, and are killed; then node release
    runs. One line a job says what happened; -o json prints an array of receipts. A cancel that was
    asked for already is told, not done twice.

    \b
      countermand cancel 17 -m "wrong input file"
      countermand cancel 17 18 19 --force --reason maintenance
      countermand cancel 17.2.3                # subtask 3 of the sweep that is task 2
      countermand cancel 17 --wait=2m          # wait for the end, 30s without a value

    Exit status: 0 done, or already canceled; 3 no such job; 4 not authenticated; 5 refused by a
    rule; 6 not in this state; 7 conflict, or at another version; 8 some of several failed; 75 try
    again with the same --id; 124 --wait ran out.
    """
    o.either(("--force", force), ("--graceful", graceful))
    on = tuple(dict.fromkeys(target(job, task) for job in jobs))
    if graceful and any(x.task is not None for x in on):
        raise click.UsageError("there is no graceful cancel of a single task")
    asked.out.check(Receipt)
    mode = "forced" if force else "graceful" if graceful else "normal"
    order = Order(message, mode, reason, if_version)
    if if_version is not None and len(on) > 1:
        raise click.UsageError("--if-version is for one job: each has versions of its own")
    if dry_run:
        return rehearse(asked, on, order)
    confirm(on, order, yes)
    return finish(asked, send_all(asked, order, on, key), on, wait_seconds)


def confirm(on: tuple[Target, ...], order: Order, yes: bool) -> None:
    """Ask back before several jobs are stopped, when somebody is there to answer."""
    if len(on) < 2 or yes or sys.stdin is None or not sys.stdin.isatty():
        return
    what = "jobs" if all(x.task is None for x in on) else "jobs, tasks and subtasks"
    question = f"Cancel {len(on)} {what} ({order.mode}): {names(on)}?"
    if not click.confirm(safe(question), err=True):
        raise Failure(INTERRUPTED, "nothing was sent")


def names(on: tuple[Target, ...]) -> str:
    """All of a few; of many the first."""
    told = ", ".join(x.named for x in on[:NAMES_SHOWN])
    return told if len(on) <= NAMES_SHOWN else f"{told} and {len(on) - NAMES_SHOWN} more"


def send_all(asked: o.Asked, order: Order, on: tuple[Target, ...], key: str) -> list[Outcome]:
    """All are sent, also when nobody listens any more; each is said as soon as it is answered."""
    outcomes, deaf = list[Outcome](), None
    for some in sent(asked, order, on, key):
        outcomes += some
        try:
            if asked.out.for_people and not deaf:
                for outcome in some:
                    say(asked.out, outcome)
                flush()
        except Unwritten as e:
            deaf = e
    if deaf:
        raise deaf
    return outcomes


def sent(asked: o.Asked, order: Order, on: tuple[Target, ...], key: str) -> Iterator[list[Outcome]]:
    """One request a job; many jobs go together, under one request id."""
    if in_bulk(on):
        yield from in_parts(asked.server, order.body, on, o.the_key(key))
        return
    for one in on:
        yield [send(asked, order, one, key)]


def send(asked: o.Asked, order: Order, on: Target, key: str) -> Outcome:
    """One request for one job, task or subtask."""
    mine, path = o.the_key(key), f"{on.path}/cancel"
    one = partial(asked.server.command, path, order.body, mine, if_version=order.if_version)
    return settle(on.job, "cancel", mine, one)


def finish(
    asked: o.Asked, outcomes: list[Outcome], on: tuple[Target, ...], wait_seconds: float | None
) -> int:
    """Wait if asked to, print receipts if asked to, and give the exit status of all."""
    if wait_seconds is not None:
        wait = Wait(asked.server, wait_seconds)
        for outcome, one in zip(outcomes, on, strict=True):
            if outcome.done:
                wait_for(asked, one, outcome, wait)
    if not asked.out.for_people:
        asked.out.values([outcome.receipt for outcome in outcomes], Receipt)
    return combined([outcome.status for outcome in outcomes])


def wait_for(asked: o.Asked, on: Target, outcome: Outcome, wait: Wait) -> None:
    """Wait for one end and say it; the outcome's status becomes 124 when time ran out."""
    about = on.words
    try:
        if on.task is None:
            _, waited = wait.job(on.job)
        elif on.subtask is None:
            _, waited = wait.task(on.job, on.task)
        else:
            waited = wait.subtask(on.job, on.path)
    except Failure as e:
        outcome.status = e.status
        asked.out.note(f"{about}: waiting ended: {e.words}")
        return
    outcome.receipt["waited"] = waited
    if not waited["ended"]:
        outcome.status = WAIT_RAN_OUT
        asked.out.note(f"{about}: still {waited['state']}; the waiting is over, the cancel goes on")
    elif asked.out.for_people and not asked.out.quiet:
        time = shown(waited["ended_at"], asked.out.utc, clock_only=True)
        asked.out.line(f"{about}: {waited['state']}" + (f" at {time}" if time else ""))


def rehearse(asked: o.Asked, on: tuple[Target, ...], order: Order) -> int:
    """Show the request and the job as it is now. Nothing is sent but the question."""
    statuses, shown_ones = [], []
    for one in on:
        try:
            detail = asked.server.job(one.job)
        except Failure as e:
            statuses.append(e.status)
            outcome = Outcome(one.job, substitute(one.job, "cancel", "", e), e.status)
            if asked.out.for_people:
                say(asked.out, outcome)
            shown_ones.append(outcome.receipt)
            continue
        statuses.append(DONE)
        shown_ones.append(rehearsal(one, detail, order))
        if asked.out.for_people:
            asked.out.line(rehearsal_line(one, detail, order))
    if not asked.out.for_people:
        asked.out.values(shown_ones, Receipt)
    return combined(statuses)


def rehearsal(on: Target, detail: JobDetail, order: Order) -> Receipt:
    """The dry run in the place of a receipt."""
    return {
        "outcome": "dry_run",
        "operation": "cancel",
        "job_id": detail["job_id"],
        "task_id": on.task,
        "subtask_id": on.subtask,
        "job_state": detail["state"],
        "explanation": rehearsal_line(on, detail, order).removeprefix(f"job {on.job}: "),
    }


def rehearsal_line(on: Target, detail: JobDetail, order: Order) -> str:
    """What would be asked, and how the job is."""
    units = len(order.message.encode("utf-16-le")) // 2
    running, waiting = counted(detail)
    what = f"cancel of {on.part}" if on.part else "cancel"
    words = f"job {on.job}: would ask for a {order.mode} {what}, message of {units} units"
    words += f' "{order.message}"' if order.message else ""
    words += f", reason {order.reason_code}" if order.reason_code else ""
    if order.if_version is not None:
        words += f", only at version {order.if_version} (it is at {detail.get('version')})"
    words += f"; it is {detail['state']}, owned by {detail.get('owner', '?')}"
    words += f", {running} tasks running, {waiting} queued"
    under_way = detail.get("cancel")
    if under_way and detail["state"] == "Canceling":
        who = by(under_way.get("actor", ""), under_way.get("on_behalf_of"))
        words += f"; a {under_way.get('mode', '')} cancel by {who} is under way"
    return words + "; nothing was sent"


def counted(detail: JobDetail) -> tuple[int, int]:
    """How many tasks run and how many are queued; of a task with subtasks each of them counts."""
    running = waiting = 0
    for task in detail.get("tasks", []):
        counts = task.get("subtasks")
        running += counts["running"] if counts else task["state"] == "Running"
        waiting += counts["waiting"] if counts else task["state"] == "Queued"
    return running, waiting
