"""The cluster as its events tell it: parameters and the job ids handed out in blocks."""

from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain import events as e
from domain.commands import Asked, content_sha256
from domain.errors import Corrupt, CountermandError, Unknown
from domain.job import Answered, Asking
from domain.message import kept
from domain.parameters import Parameter, Value, find, parsed, read
from domain.refusal import Refusal, at_other_version, denied, reused

JOB_ID_MAX: Final = 2**31 - 1
JOB_ID_DIGITS_MAX: Final = 10
JOB_ID_BLOCK: Final = 100
ASKED_UNITS_MAX: Final = 80


def job_number(text: str) -> int | None:
    """A job id as a number, or None for what cannot be one: ids are 1..2^31-1."""
    digits = text.isascii() and text.isdigit() and len(text) <= JOB_ID_DIGITS_MAX
    return int(text) if digits and 1 <= int(text) <= JOB_ID_MAX else None


class Cluster(Struct, frozen=True):
    """Parameters in force by canonical name; ``job_id_last``: the highest id ever reserved."""

    version: int = 0
    values: dict[str, Value] = {}
    job_id_last: int = 0
    asked: dict[Asking, Answered] = {}

    def value(self, name: str) -> Value:
        """The value in force, set or default, of a parameter in the catalogue."""
        parameter = find(name)
        return self.values.get(parameter.name, parameter.default)

    def number(self, parameter: Parameter) -> int:
        """The value in force of a parameter that is a whole number."""
        value = self.value(parameter.name)
        assert isinstance(value, int), f"{parameter.name} is not a number"
        return value

    def text(self, parameter: Parameter) -> str:
        """The value in force of a parameter that is a text."""
        return str(self.value(parameter.name))


class SetParameter(Struct, frozen=True):
    """Give a cluster parameter a new value."""

    asked: Asked
    name: str
    value: str


class ReserveJobIds(Struct, frozen=True):
    """Take the next block of job ids."""

    count: int = JOB_ID_BLOCK


def evolve_cluster(cluster: Cluster, recorded: e.Recorded) -> Cluster:
    """The cluster after one more fact; ``Corrupt`` for a gap or a fact about something else."""
    if recorded.version != cluster.version + 1:
        raise Corrupt(f"{recorded.aggregate}: {recorded.version} follows {cluster.version}")
    data = recorded.data
    if not isinstance(data, e.ClusterEvent):
        raise Corrupt(f"{recorded.aggregate}: {type(data).__name__} is not about the cluster")
    after = replace(cluster, version=recorded.version)
    match data:
        case e.ClusterParameterSet():
            after = replace(after, values=cluster.values | {data.name: value_of(data)})
            content = content_sha256(data.name, data.value)
            return remember(after, recorded, "set_parameter", data.request_id, content)
        case e.ClusterCommandRefused():
            return remember(after, recorded, data.command, data.request_id, data.content_sha256)
        case e.JobIdsReserved():
            return replace(after, job_id_last=data.last)
        case e.StreamMended() | e.LossAccepted() | e.StreamRestored():
            return after
        case _:
            assert_never(data)


def value_of(data: e.ClusterParameterSet) -> Value:
    """The value as it is kept; one that the catalogue would not take today is kept as it was."""
    try:
        found = read(find(data.name), data.value)
    except Unknown:
        return data.value
    if found is None:
        return int(data.value) if data.value.isdecimal() else data.value
    return found


def remember(
    cluster: Cluster, recorded: e.Recorded, command: str, request_id: str, content: str
) -> Cluster:
    """How a request id was answered; the first answer stands."""
    if not request_id:
        return cluster
    key = Asking(recorded.event.caller.asker, command, request_id)
    return replace(cluster, asked={key: Answered(recorded.version, content)} | cluster.asked)


def set_parameter(cluster: Cluster, command: SetParameter) -> e.ClusterEvent | None:
    """The fact that follows: set, or refused; None when this very request was answered before."""
    asked, content = command.asked, content_of(command)
    before = cluster.asked.get(Asking(asked.asker, "set_parameter", asked.request_id))
    if before is not None and before.content_sha256 == content:
        return None
    no = (reused(asked.request_id, "change of a parameter") if before else None) or denied(asked)
    if no is not None:
        return set_refused(command, no)
    try:
        parameter = find(command.name)
        value = parsed(parameter, command.value)
    except CountermandError as error:
        no = Refusal(error.code, error.hresult or 0, "parameter-catalogue", error.message)
        return set_refused(command, no)
    no = at_other_version(asked, cluster.version, "the cluster")
    if no is not None:
        return set_refused(command, no)
    return e.ClusterParameterSet(
        name=parameter.name,
        value=str(value),
        previous=str(cluster.value(parameter.name)),
        request_id=asked.request_id,
        decision=asked.decision,
    )


def content_of(command: SetParameter) -> str:
    """The digest of what is asked: of the canonical name and value when there are such."""
    try:
        parameter = find(command.name)
        return content_sha256(parameter.name, str(parsed(parameter, command.value)))
    except CountermandError:
        return content_sha256(command.name, command.value)


def set_refused(command: SetParameter, no: Refusal) -> e.ClusterCommandRefused:
    """The refusal, with what was asked."""
    asked_for = {"name": command.name, "value": command.value}
    return refused(command.asked, "set_parameter", no, asked_for, content_of(command))


def refused(
    asked: Asked,
    command: str,
    no: Refusal,
    asked_for: dict[str, str] | None = None,
    content: str = "",
) -> e.ClusterCommandRefused:
    """The refusal as a fact; what was asked is kept in short."""
    return e.ClusterCommandRefused(
        request_id=asked.request_id,
        command=command,
        code=no.code,
        hresult=no.hresult,
        rule=no.rule,
        explanation=no.explanation,
        decision=asked.decision,
        content_sha256=content,
        asked_for={k: kept(v, ASKED_UNITS_MAX).text for k, v in (asked_for or {}).items()},
    )


def reserve(cluster: Cluster, command: ReserveJobIds) -> e.JobIdsReserved:
    """The next block; ``CountermandError`` (job_ids_used_up) when the numbers are used up."""
    first = cluster.job_id_last + 1
    last = min(cluster.job_id_last + command.count, JOB_ID_MAX)
    if first > last:
        raise CountermandError("all job ids up to 2^31-1 are used", code="job_ids_used_up")
    return e.JobIdsReserved(first, last)
