"""``countermand cancel``: one request and one line a job."""

import sys
from functools import partial

import click

from adapters.cli.doing.one_job import path_of
from adapters.cli.doing.outcome import Outcome, say, settle, substitute
from adapters.cli.exits import DONE, INTERRUPTED, WAIT_RAN_OUT, Failure, combined
from adapters.cli.printing.events import by
from adapters.cli.printing.moments import shown
from adapters.cli.printing.stdout import Unwritten, flush
from adapters.cli.reaching.shapes import JobDetail, Receipt
from adapters.cli.reaching.waiting import Wait
from adapters.cli.typed import options as o
from adapters.escape import safe


class Order:
    """What is asked of every job named."""

    def __init__(
        self,
        message: str,
        mode: str,
        reason_code: str,
        task: int | None,
        if_version: int | None = None,
    ) -> None:
        self.message = message
        self.mode = mode
        self.reason_code = reason_code
        self.task = task
        self.if_version = if_version

    @property
    def body(self) -> dict[str, object]:
        """The request's body."""
        return {"message": self.message, "mode": self.mode, "reason_code": self.reason_code}

    def path(self, job: str) -> str:
        """The route, of the job or of its task."""
        return path_of(job, self.task, "cancel")


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
    """Stop jobs, or one task of a job.

    Running tasks get the stop signal, the cluster's grace period, and are killed; then node release
    runs. One line a job says what happened; -o json prints an array of receipts. A cancel that was
    asked for already is told, not done twice.

    \b
      countermand cancel 17 -m "wrong input file"
      countermand cancel 17 18 19 --force --reason maintenance
      countermand cancel 17 --wait=2m          # wait for the end, 30s without a value

    Exit status: 0 done, or already canceled; 3 no such job; 4 not authenticated; 5 refused by a
    rule; 6 not in this state; 7 conflict, or at another version; 8 some of several failed; 75 try
    again with the same --id; 124 --wait ran out.
    """
    o.either(("--force", force), ("--graceful", graceful))
    if task is not None and graceful:
        raise click.UsageError("there is no graceful cancel of a single task")
    asked.out.check(Receipt)
    mode = "forced" if force else "graceful" if graceful else "normal"
    order = Order(message, mode, reason, task, if_version)
    names = tuple(dict.fromkeys(jobs))
    if if_version is not None and len(names) > 1:
        raise click.UsageError("--if-version is for one job: each has versions of its own")
    if dry_run:
        return rehearse(asked, names, order)
    confirm(names, order, yes)
    return finish(asked, order, send_all(asked, order, names, key), wait_seconds)


def confirm(jobs: tuple[str, ...], order: Order, yes: bool) -> None:
    """Ask back before several jobs are stopped, when somebody is there to answer."""
    if len(jobs) < 2 or yes or sys.stdin is None or not sys.stdin.isatty():
        return
    question = f"Cancel {len(jobs)} jobs ({order.mode}): {', '.join(jobs)}?"
    if not click.confirm(safe(question), err=True):
        raise Failure(INTERRUPTED, "nothing was sent")


def send_all(asked: o.Asked, order: Order, jobs: tuple[str, ...], key: str) -> list[Outcome]:
    """One request a job, each said at once. All are sent, also when nobody listens any more."""
    outcomes, deaf = [], None
    for job in jobs:
        outcomes.append(send(asked, order, job, key))
        try:
            if asked.out.for_people and not deaf:
                say(asked.out, outcomes[-1])
                flush()
        except Unwritten as e:
            deaf = e
    if deaf:
        raise deaf
    return outcomes


def send(asked: o.Asked, order: Order, job: str, key: str) -> Outcome:
    """One request for one job."""
    mine, path = o.the_key(key), order.path(job)
    one = partial(asked.server.command, path, order.body, mine, if_version=order.if_version)
    return settle(job, "cancel", mine, one)


def finish(
    asked: o.Asked, order: Order, outcomes: list[Outcome], wait_seconds: float | None
) -> int:
    """Wait if asked to, print receipts if asked to, and give the exit status of all."""
    if wait_seconds is not None:
        wait = Wait(asked.server, wait_seconds)
        for outcome in outcomes:
            if outcome.done:
                wait_for(asked, order, outcome, wait)
    if not asked.out.for_people:
        asked.out.values([outcome.receipt for outcome in outcomes], Receipt)
    return combined([outcome.status for outcome in outcomes])


def wait_for(asked: o.Asked, order: Order, outcome: Outcome, wait: Wait) -> None:
    """Wait for one end and say it; the outcome's status becomes 124 when time ran out."""
    job, about = outcome.job, f"job {outcome.job}"
    try:
        if order.task is None:
            _, waited = wait.job(job)
        else:
            about += f" task {order.task}"
            _, waited = wait.task(job, order.task)
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


def rehearse(asked: o.Asked, jobs: tuple[str, ...], order: Order) -> int:
    """Show the request and the job as it is now. Nothing is sent but the question."""
    statuses, shown_ones = [], []
    for job in jobs:
        try:
            detail = asked.server.job(job)
        except Failure as e:
            statuses.append(e.status)
            outcome = Outcome(job, substitute(job, "cancel", "", e), e.status)
            if asked.out.for_people:
                say(asked.out, outcome)
            shown_ones.append(outcome.receipt)
            continue
        statuses.append(DONE)
        shown_ones.append(rehearsal(job, detail, order))
        if asked.out.for_people:
            asked.out.line(rehearsal_line(job, detail, order))
    if not asked.out.for_people:
        asked.out.values(shown_ones, Receipt)
    return combined(statuses)


def rehearsal(job: str, detail: JobDetail, order: Order) -> Receipt:
    """The dry run in the place of a receipt."""
    return {
        "outcome": "dry_run",
        "operation": "cancel",
        "job_id": detail["job_id"],
        "task_id": order.task,
        "job_state": detail["state"],
        "explanation": rehearsal_line(job, detail, order).removeprefix(f"job {job}: "),
    }


def rehearsal_line(job: str, detail: JobDetail, order: Order) -> str:
    """What would be asked, and how the job is."""
    units = len(order.message.encode("utf-16-le")) // 2
    states = [task["state"] for task in detail.get("tasks", [])]
    running, waiting = states.count("Running"), states.count("Queued")
    what = "cancel" if order.task is None else f"cancel of task {order.task}"
    words = f"job {job}: would ask for a {order.mode} {what}, message of {units} units"
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
