"""``countermand cancel``: one line a job; several jobs go by one request."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final

import click

from adapters.cli.doing import planned
from adapters.cli.doing.bulk import PLANS, all_numbers, of_named, together, together_first
from adapters.cli.doing.outcome import Outcome, say, settle
from adapters.cli.doing.rehearsing import Order, rehearse
from adapters.cli.exits import (
    DONE,
    INTERRUPTED,
    REFUSED,
    WAIT_RAN_OUT,
    WAITING,
    Failure,
    combined,
)
from adapters.cli.printing.moments import shown
from adapters.cli.printing.stdout import Unwritten, flush
from adapters.cli.reaching.bulk_shapes import Plan
from adapters.cli.reaching.shapes import Receipt
from adapters.cli.reaching.waiting import Wait
from adapters.cli.typed import options as o
from adapters.cli.typed.targets import Target, target
from adapters.cli.typed.wanted import Wanted, wanted_options
from adapters.escape import safe

NAMES_SHOWN: Final = 20
DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def checked_digest(ctx: object, param: object, value: str | None) -> str:
    """The digest of a plan, "" for none."""
    if value is not None and not DIGEST.fullmatch(value):
        raise click.BadParameter("a digest has 64 of 0-9 and a-f, as --dry-run has shown it")
    return value or ""


@click.command("cancel", cls=o.WaitingCommand)
@o.some_jobs_argument
@wanted_options
@o.message_option
@o.reason_option
@click.option("--force", is_flag=True, help="Kill at once: no grace period, no node release.")
@click.option("--graceful", is_flag=True, help="Start nothing new; let running tasks end.")
@click.option(
    "--break-glass",
    is_flag=True,
    help="Also where the rules hold or deny it, if you may; needs -m, and is reviewed.",
)
@o.task_option
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be asked; ask nothing.")
@click.option(
    "--apply",
    "plan",
    metavar="DIGEST",
    callback=checked_digest,
    help="Cancel exactly what --dry-run has shown under this digest.",
)
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
    break_glass: bool,
    task: int | None,
    dry_run: bool,
    yes: bool,
    wait_seconds: float | None,
    if_version: int | None,
    key: str,
    wanted: Wanted,
    plan: str,
) -> int:
    """Stop jobs, or tasks and subtasks of them: JOB, JOB.TASK or JOB.TASK.SUBTASK.

    Running tasks get the stop signal, the cluster's grace period, and are killed; then node release
    runs. One line a job says what happened; -o json prints an array of receipts. A cancel that was
    asked for already is told, not done twice. Several jobs are one request, and rules that limit
    how many are canceled at once count them.

    Jobs need not be named: --state, --owner, --name, --type, --node and --label find those that are
    not over, once, on the server, which records them; the same --id goes on with the very same. Of
    several jobs --dry-run gives a digest, and --apply cancels exactly the jobs that it stands for,
    and says which have changed since.

    \b
      countermand cancel 17 -m "wrong input file"
      countermand cancel 17 18 19 --force --reason maintenance
      countermand cancel 17.2.3                # subtask 3 of the sweep that is task 2
      countermand cancel 17 --wait=2m          # wait for the end, 30s without a value
      countermand cancel --owner alice --state Running -m "maintenance at noon"
      countermand cancel --label env=test --label team --force
      countermand cancel 17 --break-glass -m "the node burns"   # at once, and to be reviewed
      countermand cancel --owner alice --dry-run   # shows which, and what to give to --apply

    Exit status: 0 done, or already canceled; 3 no such job; 4 not authenticated; 5 refused by a
    rule; 6 not in this state; 7 conflict, or at another version; 8 some of several failed; 9 it
    waits, for a rule holds it or wants approvals; 75 try again with the same --id; 124 --wait ran
    out.
    """
    named(jobs, wanted, plan)
    o.either(("--force", force), ("--graceful", graceful))
    on = together_first(target(job, task) for job in jobs)
    if graceful and any(x.task is not None for x in on):
        raise click.UsageError("there is no graceful cancel of a single task")
    planning = dry_run and (bool(wanted) or (len(on) > 1 and all_numbers(on)))
    asked.out.check(Plan if planning else Receipt)
    mode = "forced" if force else "graceful" if graceful else "normal"
    order = Order(message, mode, reason, if_version, break_glass)
    if break_glass:
        one_and_why(on, message, dry_run)
    if if_version is not None and len(on) > 1:
        raise click.UsageError("--if-version is for one job: each has versions of its own")
    if wanted or plan:
        alone(task, if_version, plan, order, dry_run)
        return unnamed(asked, order, wanted, plan, key, dry_run, yes, wait_seconds)
    if planning:
        return planned.plan(asked, {**order.body, "jobs": [int(one.job) for one in on]})
    if dry_run:
        return rehearse(asked, on, order)
    confirm(on, order, yes)
    return finish(asked, send_all(asked, sent(asked, order, on, key)), on, wait_seconds)


def one_and_why(on: tuple[Target, ...], message: str, dry_run: bool) -> None:
    """A usage error unless it is one job, with a reason: rules are not overridden in passing."""
    if len(on) != 1 or on[0].task is not None or dry_run:
        raise click.UsageError("--break-glass is for one job that is named, as a whole")
    if not message.strip():
        raise click.UsageError("--break-glass needs -m: say why the rules do not count now")


def named(jobs: tuple[str, ...], wanted: Wanted, plan: str) -> None:
    """A usage error unless it is said in one way which jobs are meant."""
    ways = (("JOB", jobs), ("--state, --owner, --name, --type, --node or --label", wanted))
    o.either(*ways, ("--apply", plan))
    if not (jobs or wanted or plan):
        raise click.UsageError("which jobs? Give their numbers, or --state, --owner, --name ...")


def alone(task: int | None, if_version: int | None, plan: str, order: Order, dry_run: bool) -> None:
    """A usage error for options that have no meaning for jobs that are not named."""
    if task is not None or if_version is not None:
        raise click.UsageError("--task and --if-version are for jobs that are named")
    if plan and (order.message or order.reason_code or order.mode != "normal" or dry_run):
        raise click.UsageError("--apply takes nothing else: the plan says how to cancel")


def unnamed(
    asked: o.Asked,
    order: Order,
    wanted: Wanted,
    plan: str,
    key: str,
    dry_run: bool,
    yes: bool,
    wait_seconds: float | None,
) -> int:
    """Jobs that the server finds, or that a plan has."""
    body = {**order.body, "wanted": wanted.body}
    if dry_run:
        return planned.plan(asked, body)
    if plan:
        outcomes = send_all(asked, planned.carried_out(asked, plan, key))
    elif not yes and sys.stdin is not None and sys.stdin.isatty():
        outcomes = send_all(asked, confirmed(asked, order, body, key))
    else:
        outcomes = send_all(asked, planned.found(asked, body, o.the_key(key)))
    if not outcomes:
        return none_found(asked)
    return finish(asked, outcomes, tuple(Target(x.job) for x in outcomes), wait_seconds)


def none_found(asked: o.Asked) -> int:
    """Nothing to do is done."""
    asked.out.note("there is no such job that is not over; nothing was canceled")
    if not asked.out.for_people:
        asked.out.values([], Receipt)
    return DONE


def confirmed(
    asked: o.Asked, order: Order, body: Mapping[str, object], key: str
) -> Iterator[list[Outcome]]:
    """Exactly the jobs that somebody has seen and agreed to."""
    found = asked.server.plan(PLANS, body)
    on = tuple(Target(str(job["job_id"])) for job in found["jobs"])
    if on:
        ask_back(f"Cancel {len(on)} jobs ({order.mode}): {names(on)}?")
        yield from planned.carried_out(asked, found["digest"], key)


def confirm(on: tuple[Target, ...], order: Order, yes: bool) -> None:
    """Ask back before several jobs are stopped, when somebody is there to answer."""
    if len(on) < 2 or yes or sys.stdin is None or not sys.stdin.isatty():
        return
    what = "jobs" if all(x.task is None for x in on) else "jobs, tasks and subtasks"
    ask_back(f"Cancel {len(on)} {what} ({order.mode}): {names(on)}?")


def ask_back(question: str) -> None:
    """Go on when whoever is there says yes."""
    if not click.confirm(safe(question), err=True):
        raise Failure(INTERRUPTED, "nothing was sent")


def names(on: tuple[Target, ...]) -> str:
    """All of a few; of many the first."""
    told = ", ".join(x.named for x in on[:NAMES_SHOWN])
    return told if len(on) <= NAMES_SHOWN else f"{told} and {len(on) - NAMES_SHOWN} more"


def send_all(asked: o.Asked, parts: Iterable[list[Outcome]]) -> list[Outcome]:
    """All are sent, also when nobody listens any more; each is said as soon as it is answered."""
    outcomes, deaf = list[Outcome](), None
    for some in parts:
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
    """Several jobs go by one request, as rules count them; each task by one of its own."""
    many = together(on)
    if many:
        yield from of_named(asked, order.body, many, o.the_key(key))
    for one in on[len(many) :]:
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


def waits_no_more(asked: o.Asked, on: Target, outcome: Outcome, wait: Wait) -> bool:
    """Whether a cancel that waited has taken effect; if not so in time, or never, that is said."""
    receipt = outcome.receipt
    under_way = receipt.get("under_way") if receipt.get("outcome") == "repeated" else None
    cancel = under_way["request_id"] if under_way else receipt.get("request_id", "")
    done = wait.in_effect(on.job, cancel)
    if done is None:
        outcome.status = WAIT_RAN_OUT
        asked.out.note(f"{on.words}: the cancel still waits; this waiting is over")
    elif not done:
        outcome.status = REFUSED
        asked.out.note(f"{on.words}: the cancel {cancel} was withdrawn, or lapsed")
    else:
        outcome.status = DONE
    return bool(done)


def wait_for(asked: o.Asked, on: Target, outcome: Outcome, wait: Wait) -> None:
    """Wait for one end and say it; the outcome's status becomes 124 when time ran out."""
    about = on.words
    try:
        if outcome.status == WAITING and not waits_no_more(asked, on, outcome, wait):
            return
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
