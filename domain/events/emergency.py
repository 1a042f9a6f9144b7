"""What an administrator stopped while the stream could not be reached, recorded afterwards."""

from msgspec import Struct

from domain.events.parts import Decision, RunSet, TaskSet
from domain.states import CancelMode, EmergencyOutcome, JobState, NodeRelease


class EmergencyStop(Struct, frozen=True):
    """A stop as its file in the spool has it: written before the act, and completed after it.

    ``ordered_at``: when it was ordered, RFC 3339. ``uid``: the user id that the kernel named.
    ``unreachable``: why the stream could not be asked, as a sentence. ``known_position``: the last
    event of the stream that was known then. ``known_version``, ``known_state``: of the job, then.
    ``runs``: those that were stopped. ``outcome``: whether all of them were seen to end.
    ``ended``: runs that were seen to end. ``killed``: processes sent SIGKILL; ``survivors``: those
    still there. ``spool_sha256``: of the whole file, which is kept.
    """

    ordered_at: str
    uid: int
    unreachable: str
    known_position: int
    known_version: int
    known_state: JobState
    runs: RunSet
    outcome: EmergencyOutcome
    ended: int
    killed: int
    survivors: int
    spool_sha256: str


class EmergencyStopRecorded(Struct, frozen=True):
    """A job was stopped without the stream; this is the record, made when the stream was back.

    It counts as a forced cancel that was accepted: Canceling from here, and the runs that were
    stopped are under the order that was given then.

    ``request_id``: names the stop and its file. ``mode``: forced. ``in_effect``: whether it changes
    the job; one that had ended meanwhile, or was being canceled by force, stays as it is.
    ``decision``: the policy's answer as far as it could be asked then. ``stop``: what was done.
    ``review_seconds``: how long another person has to review it.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    from_state: JobState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    node_release: NodeRelease
    escalates: str
    in_effect: bool
    decision: Decision
    stop: EmergencyStop
    review_seconds: int
    escalates_version: int = 0
