"""Who may see what: everything, or what belongs to jobs of one's own."""

from typing import Final

from msgspec import Struct

from application.ports import Policy
from domain.errors import NotPermitted
from domain.events import Decision
from domain.hresult import HResult
from domain.identity import Caller
from domain.policy import Action, Question
from domain.refusal import code_of
from domain.states import Effect, JobType


def not_permitted(answer: Decision) -> NotPermitted:
    """The policy's no, to be raised."""
    code = code_of(answer)
    return NotPermitted(answer.explanation, code=code, hresult=HResult.PERMISSION_DENIED)


class Owned(Struct, frozen=True):
    """What decides who may see a job."""

    owner: str
    job_type: JobType | None


NOBODYS: Final = (Owned("", None), Owned("", JobType.BATCH), Owned("", JobType.ADMIN))
"""A job of which nothing is known, or only what kind it is: who may see that sees every job, and
what is about no job."""


def all_of(owner: str) -> tuple[Owned, ...]:
    """What somebody's jobs may be."""
    return Owned(owner, JobType.BATCH), Owned(owner, JobType.ADMIN)


class Visibility:
    """Asks the policy who may see what."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def digest(self) -> str:
        """Of the rules that answer now."""
        return self._policy.digest

    def check(self, caller: Caller, job: Owned) -> None:
        """Pass, or raise ``NotPermitted`` for who may not see this job."""
        answer = self._policy.decide(Question(caller, Action.VIEW, job.owner, job.job_type))
        if answer.effect is not Effect.ALLOW:
            raise not_permitted(answer)

    def sees(self, caller: Caller, job: Owned) -> bool:
        """Whether this person may see this job."""
        answer = self._policy.decide(Question(caller, Action.VIEW, job.owner, job.job_type))
        return answer.effect is Effect.ALLOW

    def check_acting(self, caller: Caller) -> None:
        """Who asks for somebody must be allowed to see at least what is that person's own."""
        if caller.on_behalf_of is not None:
            self.check(caller, Owned(caller.subject.name, JobType.BATCH))

    def owners(self, caller: Caller, asked: tuple[str, ...]) -> tuple[str, ...] | None:
        """Whose jobs an answer may be about, of those ``asked`` for: () for everybody's, None for
        nobody's. Raises ``NotPermitted`` as ``check_acting`` does, and for who may not even see
        what is their own."""
        if self.check_reading(caller):
            return asked
        own = caller.subject.name
        return (own,) if not asked or own in asked else None

    def check_reading(self, caller: Caller) -> bool:
        """Pass, or raise as ``owners``. True: they may see everything; else what is their own."""
        self.check_acting(caller)
        if self.sees_everything(caller):
            return True
        for job in all_of(caller.subject.name):
            self.check(caller, job)
        return False

    def sees_everything(self, caller: Caller) -> bool:
        """Whether this person may see every job, and what is about none, whatever it may be."""
        return all(self.sees(caller, job) for job in NOBODYS)
