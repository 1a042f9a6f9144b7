"""HPC Pack's own name beside each number."""

import pytest

from domain.hresult import HResult, hpc_name

NAMES = {
    0x80040201: "Operation_CanceledByUser",
    0x80040202: "Operation_OnlyConfigJobsCanBeSubmitted",
    0x80040203: "Operation_PropertyIsReadOnly",
    0x80040205: "Operation_ArgumentOutOfRange",
    0x80040206: "Operation_InvalidJobId",
    0x80040207: "Operation_InvalidTaskId",
    0x80040208: "Operation_InvalidCancelJobState",
    0x80040209: "Operation_InvalidCancelTaskState",
    0x8004020A: "Operation_OnlyFailedCancelledJobsCanBeConfigured",
    0x8004020B: "Operation_PermissionDenied",
    0x8004020C: "Operation_AuthenticationFailure",
    0x8004020F: "Operation_InvalidOperation",
    0x80040231: "Operation_SetInvalidPropUnderCertainState",
    0x80040235: "Operation_PropertyValueTooLargeForDatabase",
    0x8004024C: "Operation_OnlyFailedCancelledTasksCanBeConfigured",
    0x8004024D: "Operation_TaskOfTypeCannotBeReconfigured",
    0x80040252: "Operation_TaskTypeAddedInWrongJobState",
    0x80040253: "Operation_IllegalTaskAddedToServiceJob",
    0x80040256: "Operation_TooManyParametricSweepTasksPerJob",
    0x8004025F: "Operation_ServerIsBusy",
    0x800402CB: "Operation_InvalidHoldUntil",
    0x800402D3: "Operation_CancelMessageIsTooLong",
    0x800402DC: "Operation_CustomPropertyNameTooLong",
    0x800402DD: "Operation_CustomPropertyValueTooLong",
    0x80040370: "Operation_FinishedByUser",
    0x80040647: "Validation_MultipleNodePrep",
    0x80040648: "Validation_MultipleNodeRelease",
    0x80040649: "Validation_OnlyPrepOrRelease",
    0x800409D3: "Execution_TasksJobCanceled",
    0x800409D5: "Execution_JobRuntimeExpired",
    0x800409D7: "Execution_TaskRuntimeExpired",
    0x800409D8: "Execution_NodeUnreachable",
    0x800409D9: "Execution_ProcessDead",
    0x800409DC: "Execution_TaskFailure",
    0x800409E5: "Execution_TaskCanceledBeforeAssignment",
    0x800409E7: "Execution_TaskCanceledDuringExecution",
    0x800409E8: "Execution_NodePrepTaskFailure",
    0x800409EC: "Execution_TaskFinishedDuringExecution",
    0x80041972: "UnknownError",
}


def test_every_number_here_has_its_name() -> None:
    assert {int(x): hpc_name(x) for x in HResult} == NAMES


@pytest.mark.parametrize("number", [0, 1, -1, 0x80040200, 2**40])
def test_what_has_no_name_here(number: int) -> None:
    assert hpc_name(number) == ""
