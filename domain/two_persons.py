"""What takes a second person takes a person: no program is one, whoever holds its token."""

from typing import Final

from domain.hresult import HResult
from domain.identity import Caller, PrincipalKind
from domain.refusal import Refusal

PERSONS_RULE: Final = "a-person-decides"


def no_person(caller: Caller, what: str) -> Refusal | None:
    """A service account, as who asks or as whom they act for. ``what``: who would do it."""
    for one in (caller.actor, caller.subject):
        if one.kind is not PrincipalKind.USER:
            words = f"{one.name} is a service account, and {what} is a person: do it with a login "
            words += "or a token of your own, or ask somebody who may"
            return Refusal("not_permitted", HResult.PERMISSION_DENIED, PERSONS_RULE, words)
    return None
