"""The cluster, and requests on jobs that do not exist."""

from msgspec import Struct

from domain.events.parts import Decision
from domain.states import CancelMode


class ClusterParameterSet(Struct, frozen=True):
    """A cluster parameter was given a new value.

    ``name``: the parameter, as the catalogue spells it. ``value``: its value from now on, as
    text. ``previous``: its value before.
    """

    name: str
    value: str
    previous: str
    request_id: str
    decision: Decision


class ClusterCommandRefused(Struct, frozen=True):
    """The rules said no to a command on the cluster, or to the creation of a job.

    ``command``: its name, ``set_parameter`` or ``add_job``. ``asked_for``: what it asked, by name,
    each value cut to 80 UTF-16 code units.
    """

    request_id: str
    command: str
    code: str
    hresult: int
    rule: str
    explanation: str
    decision: Decision
    content_sha256: str = ""
    asked_for: dict[str, str] = {}


class JobIdsReserved(Struct, frozen=True):
    """A block of job ids, both ends included, belongs to the service that wrote this.

    ``first``: the lowest id of the block. ``last``: the highest.
    """

    first: int
    last: int


class StreamMended(Struct, frozen=True):
    """An administrator had the stream made again from the journal. This is its next event.

    ``damage``: what was wrong, in words. ``damaged_stream``: the identity of the stream that was
    damaged, "" where it could not be told. ``stream``: that of the new one.
    ``restored``: the position of the last event that was restored; all before it were too.
    ``from_stream``: how many of them, the last ones, the journal had not copied yet.
    ``missing``: how many events that were acknowledged after them are nowhere.
    ``kept_as``: where the damaged one is kept, in the data directory; "" where there was none.
    """

    request_id: str
    damage: str
    damaged_stream: str
    stream: str
    restored: int
    from_stream: int
    missing: int
    kept_as: str


class LossAccepted(Struct, frozen=True):
    """An administrator accepted that events are lost. This is the stream's next event.

    The positions from here on named other events before, which are gone.
    ``reason``: the administrator's words. ``damage``: what was wrong, in words.
    ``stream``: the identity of the stream as it is. ``known_stream``: that of the one before.
    ``last``: the position of the last event that is left. ``known_last``: the highest position that
    was known. ``kept_as``: where the journal of before is kept, in the data directory; "" where it
    went on.
    """

    request_id: str
    reason: str
    damage: str
    stream: str
    known_stream: str
    last: int
    known_last: int
    kept_as: str


class StreamRestored(Struct, frozen=True):
    """An administrator had the stream restored from a backup. This is its next event.

    ``backup_stream``: the identity of the stream that the backup was taken of. ``backup_sha256``:
    the hash of the data in the backup (hex). ``taken_at``: when it was taken, in UTC. ``stream``:
    the identity of the stream as it is now.
    ``restored``: the position of the last event in the backup; all before it were in it too.
    ``missing``: how many later positions were known here, by a journal or a mark; their events are
    nowhere. ``kept_as``: where what was there before is kept, in the data directory; "" where there
    was nothing.
    """

    request_id: str
    backup_stream: str
    backup_sha256: str
    taken_at: str
    stream: str
    restored: int
    missing: int
    kept_as: str


class CancelRefused(Struct, frozen=True):
    """A cancel of a job that does not exist or is gone.

    There is no decision in it: without a job there is nothing to ask the policy about.

    ``job``: the job as asked, a number or not, cut to 64 UTF-16 code units. ``task``: the task that
    was asked for, null for the whole job. ``message``: as in JobCancelRefused.
    """

    request_id: str
    job: str
    task: int | None
    mode: CancelMode
    message: str
    message_units: int
    message_sha256: str
    reason_code: str
    code: str
    hresult: int
    rule: str
    explanation: str
