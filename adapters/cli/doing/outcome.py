"""What became of a request on one job: its receipt, its exit status, the one line that says it."""

from collections.abc import Callable
from typing import Final

from adapters.cli.exits import (
    CONFLICT,
    DONE,
    NO_SUCH_JOB,
    NOT_AUTHENTICATED,
    REFUSED,
    UNAVAILABLE,
    WAITING,
    Failure,
)
from adapters.cli.printing.moments import shown
from adapters.cli.printing.output import Output
from adapters.cli.printing.stdout import warn
from adapters.cli.reaching.server import Rejected
from adapters.cli.reaching.shapes import Receipt, UnderWay

OUTCOME_BY_STATUS: Final = {
    NO_SUCH_JOB: "unknown",
    NOT_AUTHENTICATED: "refused",
    REFUSED: "refused",
    CONFLICT: "conflict",
    UNAVAILABLE: "unavailable",
}


class Outcome:
    """Exactly one for each job. ``status`` is the exit status it stands for."""

    def __init__(self, job: str, receipt: Receipt, status: int) -> None:
        self.job = job
        self.receipt = receipt
        self.status = status

    @property
    def done(self) -> bool:
        """Whether what was asked for is, or will be, so."""
        return self.status in (DONE, WAITING)


def status_of_done(receipt: Receipt) -> int:
    """Done; or it waits, or is a repeat of what waits."""
    under_way, outcome = receipt.get("under_way"), receipt.get("outcome")
    waits = bool(outcome == "repeated" and under_way and under_way.get("due"))
    return WAITING if waits or outcome == "held" else DONE


def settle(job: str, operation: str, key: str, send: Callable[[], Receipt]) -> Outcome:
    """Send one request and tell what became of it; a failure to be heard is an outcome too."""
    try:
        answer = send()
        return Outcome(job, answer, status_of_done(answer))
    except Rejected as e:
        receipt = e.problem.get("receipt")
        if receipt is None:
            return Outcome(job, substitute(job, operation, key, e), e.status)
        if receipt.get("already_canceled"):
            return Outcome(job, receipt, DONE)
        receipt["explanation"] = receipt.get("explanation") or e.sentence
        receipt.setdefault("what_to_do", e.what_to_do)
        return Outcome(job, receipt, e.status)
    except Failure as e:
        return Outcome(job, substitute(job, operation, key, e), e.status)


def substitute(job: str, operation: str, key: str, e: Failure) -> Receipt:
    """What stands for a receipt when the server gave none."""
    advice = e.what_to_do
    if key and may_be_stored(e):
        again = f"ask again with --id {key}: it cannot happen twice"
        advice = f"{advice}; {again}" if advice else again
    return {
        "outcome": OUTCOME_BY_STATUS.get(e.status, "failed"),
        "operation": operation,
        "job_id": int(job) if job.isascii() and job.isdecimal() else job,
        "request_id": key,
        "job_state": None,
        "explanation": e.sentence,
        "code": e.code,
        "rule": "",
        "under_way": None,
        "already_canceled": False,
        "replayed": False,
        "what_to_do": advice,
    }


def may_be_stored(e: Failure) -> bool:
    """Whether the request left this machine and nobody can say what became of it."""
    heard = isinstance(e, Rejected) and e.code != "throttled"
    return e.status == UNAVAILABLE and (heard or e.code == "outcome_unknown")


def say(out: Output, outcome: Outcome) -> None:
    """One line for the job: on stdout what was done, on stderr what was not."""
    text = line(outcome.job, outcome.receipt, out.utc)
    if not outcome.done:
        warn(text)
    elif not out.quiet:
        out.line(text)


def line(job: str, receipt: Receipt, utc: bool) -> str:
    """The line: what happened, by whom, and the event that holds it."""
    under_way, outcome = receipt.get("under_way"), receipt.get("outcome", "")
    about = f"job {job}: " if job else ""
    words = (receipt.get("explanation") or "").removeprefix(about)
    if outcome in ("accepted", "escalated", "held"):
        words = words or f"{receipt.get('operation', 'request')} {outcome}"
        return f"{about}{words}{event(receipt)}{again(receipt)}"
    if receipt.get("task_id") is not None:
        about = f"job {job} task {receipt['task_id']}: "
    if receipt.get("subtask_id") is not None:
        about = f"job {job} task {receipt['task_id']} subtask {receipt['subtask_id']}: "
    if receipt.get("already_canceled"):
        return f"{about}already canceled{since(under_way, 'at', utc)}"
    if outcome == "repeated" and under_way and under_way.get("due"):
        return f"{about}a cancel waits already{since(under_way, 'since', utc)}"
    if outcome == "repeated":
        return f"{about}already being canceled{since(under_way, 'since', utc)}"
    rule, advice = receipt.get("rule"), receipt.get("what_to_do")
    words = f"{about}{outcome}: {words or receipt.get('code', '')}"
    words += f" (rule {rule})" if rule else ""
    return f"{words}; {advice}" if advice else words


def since(under_way: UnderWay | None, word: str, utc: bool) -> str:
    """By whom and since when, with the event."""
    if not under_way:
        return ""
    whom = under_way.get("on_behalf_of")
    actor = f"{under_way['actor']} for {whom}" if whom else under_way["actor"]
    time = shown(under_way["at"], utc, clock_only=True)
    return f" by {actor} {word} {time} (event {under_way['position']})"


def event(receipt: Receipt) -> str:
    """The place of the deciding event in the stream."""
    position = receipt.get("position")
    return f" (event {position})" if position else ""


def again(receipt: Receipt) -> str:
    """Whether this very request was answered before."""
    return ", as answered before" if receipt.get("replayed") else ""
