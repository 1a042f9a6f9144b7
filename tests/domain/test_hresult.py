"""HPC Pack's own name beside each number, and that the numbers are its arithmetic."""

from typing import Final

import pytest

from domain.hresult import HResult, hpc_name

# Kind of error: the first number of the kind, and by offset the product's names. Its library counts
# each kind from a number of its own. Here are those that could be said; what is said has to fit.
KINDS: Final[dict[str, tuple[int, dict[int, str]]]] = {
    "Operation": (
        0x80040200,
        {
            1: "CanceledByUser",
            2: "OnlyConfigJobsCanBeSubmitted",
            3: "PropertyIsReadOnly",
            4: "DatabaseException",
            5: "ArgumentOutOfRange",
            6: "InvalidJobId",
            7: "InvalidTaskId",
            8: "InvalidCancelJobState",
            9: "InvalidCancelTaskState",
            10: "OnlyFailedCancelledJobsCanBeConfigured",
            11: "PermissionDenied",
            12: "AuthenticationFailure",
            13: "CryptographyError",
            15: "InvalidOperation",
            30: "TryToModifyInvalidProperty",
            49: "SetInvalidPropUnderCertainState",
            50: "JobNotCreatedOnServer",
            52: "OnlyConfiguringTasksCanBeSubmitted",
            53: "PropertyValueTooLargeForDatabase",
            56: "NotConnectedToServer",
            76: "OnlyFailedCancelledTasksCanBeConfigured",
            77: "TaskOfTypeCannotBeReconfigured",
            80: "JobDeletionForbidden",
            81: "TaskDeletionForbidden",
            82: "TaskTypeAddedInWrongJobState",
            83: "IllegalTaskAddedToServiceJob",
            86: "TooManyParametricSweepTasksPerJob",
            95: "ServerIsBusy",
            100: "UnexpectedException",
            110: "ObjectInUse",
            115: "InvalidJobCancelEndState",
            202: "JobHoldInvalidState",
            203: "InvalidHoldUntil",
            204: "SchedulerInRecoverMode",
            205: "SchedulerPrivilegeRequired",
            209: "HoldUntilTooLong",
            211: "CancelMessageIsTooLong",
            213: "IllegalServiceConcludeAttempt",
            214: "IllegalStateForServiceConclude",
            220: "CustomPropertyNameTooLong",
            221: "CustomPropertyValueTooLong",
            368: "FinishedByUser",
            420: "FilterSystemError",
            428: "FailDependentTasks",
            429: "ParentJobsDeletedFromDB",
            452: "ServiceAsClientBadUserName",
        },
    ),
    "Validation": (
        0x800405E8,
        {
            41: "TaskRequeuedTooManyTimes",
            42: "TryToRequeueNonRerunnableTask",
            90: "SubmissionFilterFailed",
            91: "SubmissionFilterDoesNotExist",
            92: "SubmissionFilterInvalid",
            95: "MultipleNodePrep",
            96: "MultipleNodeRelease",
            97: "OnlyPrepOrRelease",
            99: "TaskNodeReleaseDisabled",
            100: "TaskNodeReleaseExceedsMaxRunTime",
            108: "SubmissionFilterTimeout",
            109: "SubmissionFilterInvalidJobTerm",
        },
    ),
    "Execution": (
        0x800409D0,
        {
            3: "TasksJobCanceled",
            4: "ParentJobCanceled",
            5: "JobRuntimeExpired",
            7: "TaskRuntimeExpired",
            8: "NodeUnreachable",
            9: "ProcessDead",
            10: "JobCanceled",
            12: "TaskFailure",
            14: "JobPreempted",
            16: "TasksPreempted",
            21: "TaskCanceledBeforeAssignment",
            22: "TaskCanceledOnJobRequeue",
            23: "TaskCanceledDuringExecution",
            24: "NodePrepTaskFailure",
            26: "FailedByActivationFilter",
            28: "TaskFinishedDuringExecution",
        },
    ),
}
UNKNOWN: Final = {0x80041972: "UnknownError"}
NAMES: Final = UNKNOWN | {
    first + offset: f"{kind}_{name}"
    for kind, (first, names) in KINDS.items()
    for offset, name in names.items()
}


def test_every_number_is_its_kind_and_an_offset_and_has_its_name() -> None:
    assert {int(x): hpc_name(x) for x in HResult} == {int(x): NAMES[x] for x in HResult}


@pytest.mark.parametrize(
    ("number", "hexadecimal"),
    [
        (HResult.INVALID_CANCEL_JOB_STATE, "80040208"),
        (HResult.CANCEL_MESSAGE_IS_TOO_LONG, "800402D3"),
        (HResult.FINISHED_BY_USER, "80040370"),
        (HResult.SERVICE_AS_CLIENT_BAD_USER_NAME, "800403C4"),
        (HResult.ONLY_PREP_OR_RELEASE, "80040649"),
        (HResult.NODE_PREP_TASK_FAILURE, "800409E8"),
    ],
)
def test_some_numbers_as_they_are_printed(number: HResult, hexadecimal: str) -> None:
    assert f"{number:08X}" == hexadecimal


@pytest.mark.parametrize("number", [0, 1, -1, 0x80040200, 2**40])
def test_what_has_no_name_here(number: int) -> None:
    assert hpc_name(number) == ""
