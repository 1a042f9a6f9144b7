"""An emergency stop: what is asked, and what was done without the stream."""

from typing import Annotated

from msgspec import Struct

from adapters.http.bodies.commands import MessageText, text
from adapters.http.bodies.shapes import Count, JobNumber, Time, Uuid, one_of
from application.emergency_spool import Spooled
from domain.demands import overridden
from domain.requests import REASON_CODE_MAX
from domain.states import EmergencyOutcome
from projections.stamps import stamp

EmergencyWord = Annotated[str, one_of(EmergencyOutcome)]


class EmergencyBody(Struct, forbid_unknown_fields=True):
    """Why the job is stopped."""

    message: MessageText = ""
    reason_code: Annotated[
        str,
        text(REASON_CODE_MAX, r"^[a-z0-9_-]*$", "A short word for counting, such as fire."),
    ] = ""


class EmergencyStopped(Struct, frozen=True):
    """What was done. It is not recorded yet: it will be, as the job's next event.

    ``runs``: that were told to end; ``ended``: of them, those that were seen to. ``killed``,
    ``survivors``: processes. ``sha256``: of the stop's file in the spool. ``overridden``: what the
    rules demand first and nobody waited for, "" for nothing.
    """

    stop_id: Uuid
    job_id: JobNumber
    ordered_at: Time
    outcome: EmergencyWord
    runs: Count
    ended: Count
    killed: Count
    survivors: Count
    unreachable: str
    sha256: str
    overridden: str


def emergency_stopped(spooled: Spooled) -> EmergencyStopped:
    """The answer."""
    stop, seen = spooled.stop, spooled.outcome
    return EmergencyStopped(
        stop_id=stop.id,
        job_id=stop.job,
        ordered_at=stamp(stop.ordered_at),
        outcome=seen.outcome if seen else EmergencyOutcome.UNKNOWN,
        runs=stop.runs.count,
        ended=seen.ended if seen else 0,
        killed=seen.killed if seen else 0,
        survivors=seen.survivors if seen else 0,
        unreachable=stop.unreachable,
        sha256=spooled.sha256,
        overridden=overridden(stop.decision),
    )
