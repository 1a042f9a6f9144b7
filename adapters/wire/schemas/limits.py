"""What the values of fields keep to, beyond their types: ranges, lengths, codings.

By field, or by Struct and field where it differs. A form that only a text's meaning gives (ranges
of tasks, the words of a code) is told in its description, not checked: it is checked when the fact
is made, and never when it is read.
"""

from collections.abc import Mapping
from typing import Final

from adapters.wire.schemas.json_schema import Schema, both
from domain.cluster import JOB_ID_MAX
from domain.exit_codes import CHARACTERS_MAX as EXIT_CODES_CHARACTERS_MAX
from domain.message import MESSAGE_UNITS_MAX
from domain.parameters import TASK_CANCEL_GRACE_PERIOD
from domain.requests import REASON_CODE_MAX
from domain.submission import (
    COMMAND_BYTES_MAX,
    CORES_MAX,
    NAME_CHARACTERS_MAX,
    PROGRESS_MAX,
    PROGRESS_MESSAGE_CHARACTERS_MAX,
    PROJECT_CHARACTERS_MAX,
    RETRY_COUNT_MAX,
    WORK_DIRECTORY_BYTES_MAX,
)

REQUEST_ID_CHARACTERS_MAX: Final = 64
"""Of an Idempotency-Key; an id that the service makes is shorter."""

ASKED_JOB_UNITS_MAX: Final = 64
ACCOUNT_CHARACTERS_MAX: Final = 80
SIGNAL_MAX: Final = 64
UNSIGNED_32_MAX: Final = 2**32 - 1
GRACE_SECONDS_MAX: Final = TASK_CANCEL_GRACE_PERIOD.maximum

COUNT: Final = Schema(minimum=0)
FROM_ONE: Final = Schema(minimum=1)
JOB_ID: Final = Schema(minimum=1, maximum=JOB_ID_MAX)
SIGNAL: Final = Schema(minimum=1, maximum=SIGNAL_MAX)
DIGEST: Final = Schema(content_encoding="base16", max_length=64)
NAME: Final = Schema(max_length=NAME_CHARACTERS_MAX)
ACCOUNT: Final = Schema(max_length=ACCOUNT_CHARACTERS_MAX)
REQUEST_ID: Final = Schema(max_length=REQUEST_ID_CHARACTERS_MAX)

LIMITS: Final[Mapping[str, Schema]] = {
    # identity
    "request_id": REQUEST_ID,
    "key": REQUEST_ID,
    "escalates": REQUEST_ID,
    "undoes": REQUEST_ID,
    "under_way": REQUEST_ID,
    "cancel_id": REQUEST_ID,
    "reviewed": REQUEST_ID,
    "held_version": COUNT,
    "escalates_version": COUNT,
    "undoes_version": COUNT,
    "under_way_version": COUNT,
    "request_version": COUNT,
    "job_id": JOB_ID,
    "first": JOB_ID,
    "last": JOB_ID,
    "task": FROM_ONE,
    "TaskCancelRefused.task": COUNT,
    "JobCommandRefused.task": COUNT,
    "CancelRefused.task": COUNT,
    "CancelRefused.job": Schema(max_length=ASKED_JOB_UNITS_MAX),
    "attempt": FROM_ONE,
    "content_sha256": DIGEST,
    "digest": DIGEST,
    "schema_digest": DIGEST,
    # texts
    "message": Schema(max_length=MESSAGE_UNITS_MAX),
    "message_units": COUNT,
    "message_sha256": DIGEST,
    "reason_code": Schema(max_length=REASON_CODE_MAX),
    "hresult": Schema(minimum=0, maximum=UNSIGNED_32_MAX),
    # what a job is made of
    "JobAdded.name": NAME,
    "JobPropertiesChanged.name": NAME,
    "TaskPropertiesChanged.name": NAME,
    "TaskPropertiesChanged.command": Schema(max_length=COMMAND_BYTES_MAX),
    "TaskPropertiesChanged.work_directory": Schema(max_length=WORK_DIRECTORY_BYTES_MAX),
    "stdin": Schema(max_length=WORK_DIRECTORY_BYTES_MAX),
    "stdout": Schema(max_length=WORK_DIRECTORY_BYTES_MAX),
    "stderr": Schema(max_length=WORK_DIRECTORY_BYTES_MAX),
    "valid_exit_codes": Schema(max_length=EXIT_CODES_CHARACTERS_MAX),
    "task_retry_count": Schema(minimum=0, maximum=RETRY_COUNT_MAX),
    "project": Schema(max_length=PROJECT_CHARACTERS_MAX),
    "service_name": Schema(max_length=PROJECT_CHARACTERS_MAX),
    "client_source": Schema(max_length=PROJECT_CHARACTERS_MAX),
    "progress": Schema(minimum=0, maximum=PROGRESS_MAX),
    "progress_message": Schema(max_length=PROGRESS_MESSAGE_CHARACTERS_MAX),
    "max_cores": Schema(minimum=0, maximum=CORES_MAX),
    "TaskSpec.id": FROM_ONE,
    "TaskSpec.name": NAME,
    "TaskSpec.command": Schema(max_length=COMMAND_BYTES_MAX),
    "TaskSpec.work_directory": Schema(max_length=WORK_DIRECTORY_BYTES_MAX),
    "run_as": ACCOUNT,
    "requeue_count": FROM_ONE,
    "exit_code": Schema(minimum=0, maximum=255),
    "again_seconds": COUNT,
    "count": COUNT,
    "part": FROM_ONE,
    "parts": FROM_ONE,
    "total": FROM_ONE,
    "resolved_at": COUNT,
    "bulk_size": FROM_ONE,
    "plan": DIGEST,
    "backtest": DIGEST,
    "PolicyActivated.previous": DIGEST,
    "rule_count": COUNT,
    "proposed_version": COUNT,
    "shadow_version": COUNT,
    "started_version": FROM_ONE,
    "rules_cut": COUNT,
    "note": Schema(max_length=MESSAGE_UNITS_MAX),
    # waiting
    "hold_seconds": COUNT,
    "approval_seconds": COUNT,
    "review_seconds": COUNT,
    "approvals": COUNT,
    "approvals_needed": COUNT,
    "needed": FROM_ONE,
    "given": FROM_ONE,
    # stopping
    "runtime_seconds": COUNT,
    "retry_count": COUNT,
    "grace_seconds": Schema(minimum=0, maximum=GRACE_SECONDS_MAX),
    "grace_ms": Schema(minimum=0, maximum=GRACE_SECONDS_MAX * 1000),
    "signal": SIGNAL,
    "Exit.code": Schema(minimum=0, maximum=255),
    "after_ms": COUNT,
    "lasted_ms": COUNT,
    "killed": COUNT,
    "survivors": COUNT,
    "stopped": COUNT,
    "force_stopped": COUNT,
    "ended": COUNT,
    "uid": COUNT,
    "known_position": COUNT,
    "known_version": COUNT,
    "spool_sha256": DIGEST,
    "pid": FROM_ONE,
    "start_ticks": COUNT,
    # envelope
    "aggregateversion": FROM_ONE,
}


def limit_of(struct: str, field: str) -> Schema:
    """What the values of a field keep to; an empty schema when that is nothing."""
    return LIMITS.get(f"{struct}.{field}") or LIMITS.get(field) or Schema()


def limited(struct: str, field: str, schema: Schema) -> Schema:
    """``schema`` with the limits of the field; where null is allowed, on the other choice."""
    limit = limit_of(struct, field)
    if isinstance(schema.any_of, list):
        choices = [both(x, limit) if x.type != "null" else x for x in schema.any_of]
        return both(schema, Schema(any_of=choices))
    return both(schema, limit)
