"""HPC Pack's own name beside each number, and that the numbers are its arithmetic."""

from typing import Final

import pytest

from domain.hresult import HResult, hpc_name

# Kind of error: the first number of the kind, and by offset the names. Written from the product's
# constants: its library counts each kind from a number of its own.
KINDS: Final[dict[str, tuple[int, dict[int, str]]]] = {
    "Operation": (
        0x80040200,
        {
            1: "CanceledByUser",
            2: "OnlyConfigJobsCanBeSubmitted",
            3: "PropertyIsReadOnly",
            5: "ArgumentOutOfRange",
            6: "InvalidJobId",
            7: "InvalidTaskId",
            8: "InvalidCancelJobState",
            9: "InvalidCancelTaskState",
            10: "OnlyFailedCancelledJobsCanBeConfigured",
            11: "PermissionDenied",
            12: "AuthenticationFailure",
            15: "InvalidOperation",
            49: "SetInvalidPropUnderCertainState",
            53: "PropertyValueTooLargeForDatabase",
            76: "OnlyFailedCancelledTasksCanBeConfigured",
            77: "TaskOfTypeCannotBeReconfigured",
            82: "TaskTypeAddedInWrongJobState",
            95: "ServerIsBusy",
            211: "CancelMessageIsTooLong",
            368: "FinishedByUser",
            452: "ServiceAsClientBadUserName",
        },
    ),
    "Validation": (
        0x800405E8,
        {95: "MultipleNodePrep", 96: "MultipleNodeRelease", 97: "OnlyPrepOrRelease"},
    ),
    "Execution": (
        0x800409D0,
        {
            3: "TasksJobCanceled",
            5: "JobRuntimeExpired",
            7: "TaskRuntimeExpired",
            8: "NodeUnreachable",
            9: "ProcessDead",
            12: "TaskFailure",
            21: "TaskCanceledBeforeAssignment",
            23: "TaskCanceledDuringExecution",
            24: "NodePrepTaskFailure",
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
    assert {int(x): hpc_name(x) for x in HResult} == NAMES


@pytest.mark.parametrize(
    ("number", "hexadecimal"),
    [
        (HResult.INVALID_CANCEL_JOB_STATE, "80040208"),
        (HResult.CANCEL_MESSAGE_IS_TOO_LONG, "800402D3"),
        (HResult.FINISHED_BY_USER, "80040370"),
        (HResult.SERVICE_AS_CLIENT_BAD_USER_NAME, "800403C4"),
        (HResult.ONLY_PREP_OR_RELEASE, "80040649"),
        (HResult.TASK_FINISHED_DURING_EXECUTION, "800409EC"),
    ],
)
def test_some_numbers_as_they_are_printed(number: HResult, hexadecimal: str) -> None:
    assert f"{number:08X}" == hexadecimal


@pytest.mark.parametrize("number", [0, 1, -1, 0x80040200, 2**40])
def test_what_has_no_name_here(number: int) -> None:
    assert hpc_name(number) == ""
