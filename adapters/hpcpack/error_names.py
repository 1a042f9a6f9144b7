"""HPC Pack's names for its error numbers. Source: the client library's ErrorCode constants."""

from typing import Final

from domain.hresult import HResult

BAD_USER_NAME: Final = 0x800403C4
"""``x-ms-as-user`` names nobody."""

NAMES: Final = {
    HResult.CANCELED_BY_USER: "Operation_CanceledByUser",
    HResult.ONLY_CONFIG_JOBS_CAN_BE_SUBMITTED: "Operation_OnlyConfigJobsCanBeSubmitted",
    HResult.PROPERTY_IS_READ_ONLY: "Operation_PropertyIsReadOnly",
    HResult.ARGUMENT_OUT_OF_RANGE: "Operation_ArgumentOutOfRange",
    HResult.INVALID_JOB_ID: "Operation_InvalidJobId",
    HResult.INVALID_TASK_ID: "Operation_InvalidTaskId",
    HResult.INVALID_CANCEL_JOB_STATE: "Operation_InvalidCancelJobState",
    HResult.INVALID_CANCEL_TASK_STATE: "Operation_InvalidCancelTaskState",
    HResult.ONLY_FAILED_CANCELLED_JOBS_CAN_BE_CONFIGURED: (
        "Operation_OnlyFailedCancelledJobsCanBeConfigured"
    ),
    HResult.PERMISSION_DENIED: "Operation_PermissionDenied",
    HResult.AUTHENTICATION_FAILURE: "Operation_AuthenticationFailure",
    HResult.INVALID_OPERATION: "Operation_InvalidOperation",
    HResult.SET_INVALID_PROP_UNDER_CERTAIN_STATE: "Operation_SetInvalidPropUnderCertainState",
    HResult.PROPERTY_VALUE_TOO_LARGE: "Operation_PropertyValueTooLargeForDatabase",
    HResult.ONLY_FAILED_CANCELLED_TASKS_CAN_BE_CONFIGURED: (
        "Operation_OnlyFailedCancelledTasksCanBeConfigured"
    ),
    HResult.TASK_OF_TYPE_CANNOT_BE_RECONFIGURED: "Operation_TaskOfTypeCannotBeReconfigured",
    HResult.TASK_TYPE_ADDED_IN_WRONG_JOB_STATE: "Operation_TaskTypeAddedInWrongJobState",
    HResult.SERVER_IS_BUSY: "Operation_ServerIsBusy",
    HResult.INVALID_HOLD_UNTIL: "Operation_InvalidHoldUntil",
    HResult.CANCEL_MESSAGE_IS_TOO_LONG: "Operation_CancelMessageIsTooLong",
    HResult.CUSTOM_PROPERTY_NAME_TOO_LONG: "Operation_CustomPropertyNameTooLong",
    HResult.CUSTOM_PROPERTY_VALUE_TOO_LONG: "Operation_CustomPropertyValueTooLong",
    HResult.FINISHED_BY_USER: "Operation_FinishedByUser",
    BAD_USER_NAME: "Operation_ServiceAsClientBadUserName",
    HResult.MULTIPLE_NODE_RELEASE: "Validation_MultipleNodeRelease",
    HResult.ONLY_PREP_OR_RELEASE: "Validation_OnlyPrepOrRelease",
    HResult.TASKS_JOB_CANCELED: "Execution_TasksJobCanceled",
    HResult.NODE_UNREACHABLE: "Execution_NodeUnreachable",
    HResult.PROCESS_DEAD: "Execution_ProcessDead",
    HResult.TASK_FAILURE: "Execution_TaskFailure",
    HResult.TASK_CANCELED_BEFORE_ASSIGNMENT: "Execution_TaskCanceledBeforeAssignment",
    HResult.TASK_CANCELED_DURING_EXECUTION: "Execution_TaskCanceledDuringExecution",
    HResult.TASK_FINISHED_DURING_EXECUTION: "Execution_TaskFinishedDuringExecution",
    HResult.UNKNOWN_ERROR: "UnknownError",
}


def name_of(number: int) -> str:
    """HPC Pack's name for a number; "UnknownError" for one that has none here."""
    return NAMES.get(number, NAMES[HResult.UNKNOWN_ERROR])


def signed(number: int) -> int:
    """The number as a signed one of 32 bits, as .NET and the REST fault's ``Code`` have it."""
    return number - 2**32 if number >= 2**31 else number
