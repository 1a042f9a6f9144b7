"""A job's properties by HPC Pack's names: what can be read, and what every job here has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from adapters.hpcpack.answers import Property
from adapters.hpcpack.error_names import signed
from adapters.hpcpack.fields import SHOWN, shown
from adapters.hpcpack.times import stamped
from adapters.web.requests import Malformed
from projections.job_view import JobRow

T = TypeVar("T")

DEFAULTS: Final = ("Id", "Owner", "Name", "State", "Priority")
EXPANDED_STEP: Final = 1000
"""ExpandedPriority of one step of Priority."""


class Readable(Struct, frozen=True):
    """How a property is read: None while it has no value."""

    name: str
    read: Callable[[JobRow], str | None]


FIXED: Final = {
    "JobTemplate": "Default",
    "IsExclusive": "False",
    "CanPreempt": "False",
    "UnitType": "Core",
    "MinCores": "1",
    "NodeGroups": "",
    "RequestedNodes": "",
    "ExcludedNodes": "",
    "ParentJobIds": "",
    "FailDependentTasks": "False",
    "NotifyOnStart": "False",
    "NotifyOnCompletion": "False",
    "EmailAddress": "",
}
"""Every job here has these values, and no other: a client may name them, not change them."""

NO_MAIL: Final = "; nobody is sent a mail here, watch the live stream instead"
WHY_FIXED: Final = dict.fromkeys(("notifyonstart", "notifyoncompletion", "emailaddress"), NO_MAIL)


def always(value: str) -> Callable[[JobRow], str]:
    """What every one of them has."""
    return lambda _: value


READABLE: Final = {
    p.name.lower(): p
    for p in (
        Readable("Id", lambda r: str(r.job_id)),
        Readable("Name", lambda r: r.name),
        Readable("Owner", lambda r: r.owner),
        Readable("State", lambda r: r.state),
        Readable("PreviousState", lambda r: r.previous_state),
        Readable("Priority", lambda r: r.priority),
        Readable("ExpandedPriority", lambda r: str(r.priority_number * EXPANDED_STEP)),
        Readable("JobType", lambda r: r.job_type),
        Readable("UserName", lambda r: r.run_as),
        Readable("ErrorCode", lambda r: str(signed(r.error_code))),
        Readable("ErrorMessage", lambda r: r.error_message),
        Readable("RequeueCount", lambda r: str(r.requeue_count)),
        Readable("CreateTime", lambda r: stamped(r.created_at)),
        Readable("SubmitTime", lambda r: stamped(r.submitted_at)),
        Readable("StartTime", lambda r: stamped(r.started_at)),
        Readable("EndTime", lambda r: stamped(r.ended_at)),
        Readable("ChangeTime", lambda r: stamped(r.changed_at)),
        Readable("Project", lambda r: r.project),
        Readable("RunUntilCanceled", lambda r: str(bool(r.run_until_canceled))),
        Readable("FailOnTaskFailure", lambda r: str(bool(r.fail_on_task_failure))),
        Readable("HasRuntime", lambda r: str(r.runtime_seconds > 0)),
        Readable("Runtime", lambda r: str(r.runtime_seconds)),
        Readable("HoldUntil", lambda r: stamped(r.hold_until)),
        Readable("ValidExitCodes", lambda r: r.valid_exit_codes),
        Readable("TaskExecutionFailureRetryLimit", lambda r: str(r.task_retry_count)),
        Readable("ServiceName", lambda r: r.service_name),
        Readable("ClientSource", lambda r: r.client_source),
        Readable("Progress", lambda r: str(r.progress)),
        Readable("ProgressMessage", lambda r: r.progress_message),
        Readable("MaxCores", lambda r: str(r.max_cores or 1)),
        Readable("AllocatedNodes", lambda r: ",".join(r.nodes)),
        *(Readable(name, always(value)) for name, value in FIXED.items()),
    )
}


def job_properties(row: JobRow, names: Sequence[str]) -> tuple[Property, ...]:
    """The named properties of a job in this order, all for none; without those that have no value.

    ``Malformed`` for a name that there is not.
    """
    chosen = [named(READABLE, name) for name in names] or list(READABLE.values())
    values = ((p.name, p.read(row)) for p in chosen)
    return tuple(Property(name, value) for name, value in values if value is not None)


def named(table: Mapping[str, T], name: str) -> T:
    """The row of a table whose keys are names in lower case."""
    found = table.get(name.lower())
    if found is None:
        names = sorted(getattr(row, "name", key) for key, row in table.items())
        raise Malformed(f"there is no property {name[:SHOWN]!r} here; there are: {shown(names)}")
    return found
