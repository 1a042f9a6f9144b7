"""HPC Pack's rights, row by row, as its pages on roles and on Stop-HpcJob have them.

Not imported from the domain: the policy and every face are held against these rows. Where the
product's sources are silent (command jobs and the two job roles), the job model chose what the page
of ``IScheduler::CancelJob_2`` says: a cluster administrator only.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain.identity import Role
from domain.policy import Action
from domain.states import JobType


class Who(StrEnum):
    """The columns: what somebody is to the cluster."""

    USER = "user"
    OPERATOR = "job operator"
    JOB_ADMINISTRATOR = "job administrator"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


ROLES: Final = {
    Who.USER: Role.USER,
    Who.OPERATOR: Role.JOB_OPERATOR,
    Who.JOB_ADMINISTRATOR: Role.JOB_ADMINISTRATOR,
    Who.ADMINISTRATOR: Role.ADMINISTRATOR,
    Who.AUDITOR: Role.AUDITOR,
}


class Whose(StrEnum):
    """Whose job it is about."""

    OWN = "own"
    OTHERS = "others'"
    NONE = "none"


class Row(Struct, frozen=True):
    """One act. ``may``: for each column + or -, or "." where such a person has no job of their own.

    ``job_type``: of the job that it is about.
    """

    action: Action
    whose: Whose
    may: str
    job_type: JobType = JobType.BATCH

    @property
    def answers(self) -> dict[Who, bool]:
        """Who may, and who may not."""
        pairs = zip(Who, self.may.split(), strict=True)
        return {who: mark == "+" for who, mark in pairs if mark != "."}

    @property
    def name(self) -> str:
        """As a test is called."""
        command = "-command-job" if self.job_type is JobType.ADMIN else ""
        return f"{self.action}-{self.whose}{command}"


A, OWN, OTHERS, NONE, ADMIN = Action, Whose.OWN, Whose.OTHERS, Whose.NONE, JobType.ADMIN

# Columns: user, job operator, job administrator, administrator; and the auditor, who is this
# service's own: sees all, does nothing.
ROWS: Final = (
    Row(A.CREATE, NONE, "+ - + + -"),
    Row(A.SUBMIT, OWN, "+ . + + ."),
    Row(A.SUBMIT, OTHERS, "- - + + -"),
    *(Row(act, OWN, "+ . + + .") for act in (A.CANCEL, A.CANCEL_TASK, A.FINISH, A.REQUEUE)),
    *(Row(act, OTHERS, "- + + + -") for act in (A.CANCEL, A.CANCEL_TASK, A.FINISH, A.REQUEUE)),
    Row(A.VIEW, OWN, "+ . + + ."),
    Row(A.VIEW, OTHERS, "- + + + +"),
    *(Row(act, OWN, "+ . + + .") for act in (A.CONFIGURE, A.CHANGE)),
    *(Row(act, OTHERS, "- - + + -") for act in (A.CONFIGURE, A.CHANGE)),
    Row(A.CREATE_COMMAND_JOB, NONE, "- - - + -"),
    *(Row(act, OTHERS, "- - - + -", ADMIN) for act in (A.CANCEL, A.CANCEL_TASK, A.FINISH)),
    *(Row(act, OTHERS, "- - - + -", ADMIN) for act in (A.REQUEUE, A.CHANGE, A.CONFIGURE, A.SUBMIT)),
    Row(A.SET_PARAMETER, NONE, "- - - + -"),
    Row(A.ACT_FOR_OTHERS, NONE, "- - + + -"),
)
