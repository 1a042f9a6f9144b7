"""HPC Pack's error numbers, by its own names. Source: the client library's ErrorCode constants.

A value is the first number of its kind and an offset (``OPERATION_FIRST`` and its like). As a
signed 32-bit number (REST ``Code``, .NET) it is ``value - 2**32``.
"""

from enum import IntEnum
from typing import Final


class HResult(IntEnum):
    """The values this service answers with, or leaves a job with; none that it never gives."""

    CANCELED_BY_USER = 0x80040201
    ONLY_CONFIG_JOBS_CAN_BE_SUBMITTED = 0x80040202
    PROPERTY_IS_READ_ONLY = 0x80040203
    ARGUMENT_OUT_OF_RANGE = 0x80040205
    INVALID_JOB_ID = 0x80040206
    INVALID_TASK_ID = 0x80040207
    INVALID_CANCEL_JOB_STATE = 0x80040208
    INVALID_CANCEL_TASK_STATE = 0x80040209
    ONLY_FAILED_CANCELLED_JOBS_CAN_BE_CONFIGURED = 0x8004020A
    PERMISSION_DENIED = 0x8004020B
    AUTHENTICATION_FAILURE = 0x8004020C
    INVALID_OPERATION = 0x8004020F
    SET_INVALID_PROP_UNDER_CERTAIN_STATE = 0x80040231
    PROPERTY_VALUE_TOO_LARGE = 0x80040235
    ONLY_FAILED_CANCELLED_TASKS_CAN_BE_CONFIGURED = 0x8004024C
    TASK_OF_TYPE_CANNOT_BE_RECONFIGURED = 0x8004024D
    TASK_TYPE_ADDED_IN_WRONG_JOB_STATE = 0x80040252
    ILLEGAL_TASK_ADDED_TO_SERVICE_JOB = 0x80040253
    TOO_MANY_PARAMETRIC_SWEEP_TASKS_PER_JOB = 0x80040256
    SERVER_IS_BUSY = 0x8004025F
    INVALID_HOLD_UNTIL = 0x800402CB
    CANCEL_MESSAGE_IS_TOO_LONG = 0x800402D3
    CUSTOM_PROPERTY_NAME_TOO_LONG = 0x800402DC
    CUSTOM_PROPERTY_VALUE_TOO_LONG = 0x800402DD
    FINISHED_BY_USER = 0x80040370
    SERVICE_AS_CLIENT_BAD_USER_NAME = 0x800403C4
    SUBMISSION_FILTER_FAILED = 0x80040642
    SUBMISSION_FILTER_DOES_NOT_EXIST = 0x80040643
    SUBMISSION_FILTER_INVALID = 0x80040644
    MULTIPLE_NODE_PREP = 0x80040647
    MULTIPLE_NODE_RELEASE = 0x80040648
    ONLY_PREP_OR_RELEASE = 0x80040649
    SUBMISSION_FILTER_TIMEOUT = 0x80040654
    SUBMISSION_FILTER_INVALID_JOB_TERM = 0x80040655
    TASKS_JOB_CANCELED = 0x800409D3
    JOB_RUNTIME_EXPIRED = 0x800409D5
    TASK_RUNTIME_EXPIRED = 0x800409D7
    PROCESS_DEAD = 0x800409D9
    TASK_FAILURE = 0x800409DC
    TASK_CANCELED_BEFORE_ASSIGNMENT = 0x800409E5
    TASK_CANCELED_DURING_EXECUTION = 0x800409E7
    NODE_PREP_TASK_FAILURE = 0x800409E8
    FAILED_BY_ACTIVATION_FILTER = 0x800409EA
    TASK_FINISHED_DURING_EXECUTION = 0x800409EC
    UNKNOWN_ERROR = 0x80041972


OPERATION_FIRST: Final = 0x80040200
VALIDATION_FIRST: Final = 0x800405E8
EXECUTION_FIRST: Final = 0x800409D0
"""Source: the client library's ErrorCode: each kind of error counts from a number of its own."""

ELSEWHERE_CALLED: Final = {
    HResult.PROPERTY_VALUE_TOO_LARGE: "Operation_PropertyValueTooLargeForDatabase",
    HResult.UNKNOWN_ERROR: "UnknownError",
}
"""Where HPC Pack's name is not the one used here with its kind before it."""


def hpc_name(number: int) -> str:
    """HPC Pack's own name, such as ``Operation_InvalidCancelJobState``; "" for none or unknown."""
    try:
        value = HResult(number)
    except ValueError:
        return ""
    words = "".join(word.capitalize() for word in value.name.split("_"))
    return ELSEWHERE_CALLED.get(value, f"{kind_of(value)}_{words}")


def kind_of(value: HResult) -> str:
    """What the number is about, by its range."""
    if value >= EXECUTION_FIRST:
        return "Execution"
    return "Validation" if value >= VALIDATION_FIRST else "Operation"
