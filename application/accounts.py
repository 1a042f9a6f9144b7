"""Whom tasks may run as: asked of the engine before a job is taken, so that nothing is promised."""

from collections.abc import Callable

from domain.errors import BadRequest
from domain.hresult import HResult

Refusing = Callable[[str], str]
"""Why the engine runs nothing as this account and what it would, as a sentence; "" when it does."""


def check_account(refusing: Refusing, name: str | None) -> None:
    """Pass, or raise ``BadRequest``: runs may not have this account. None and "" ask for none."""
    sentence = refusing(name) if name else ""
    if sentence:
        raise BadRequest(
            sentence, code="account_not_allowed", hresult=HResult.ARGUMENT_OUT_OF_RANGE
        )
