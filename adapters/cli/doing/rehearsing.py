"""What a cancel would ask for, and how the job is now; nothing is sent but the question."""

from adapters.cli.doing.outcome import Outcome, say, substitute
from adapters.cli.exits import DONE, Failure, combined
from adapters.cli.printing.events import by
from adapters.cli.reaching.shapes import JobDetail, Receipt
from adapters.cli.typed.options import Asked
from adapters.cli.typed.targets import Target


class Order:
    """What is asked of every job named."""

    def __init__(
        self,
        message: str,
        mode: str,
        reason_code: str,
        if_version: int | None = None,
        break_glass: bool = False,
    ) -> None:
        self.message = message
        self.mode = mode
        self.reason_code = reason_code
        self.if_version = if_version
        self.break_glass = break_glass

    @property
    def body(self) -> dict[str, object]:
        """The request's body."""
        body = {"message": self.message, "mode": self.mode, "reason_code": self.reason_code}
        return {**body, "break_glass": True} if self.break_glass else {**body}


def rehearse(asked: Asked, on: tuple[Target, ...], order: Order) -> int:
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
