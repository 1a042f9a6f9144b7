"""Doing something with the rights of another account, which only root may."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

NOBODY: Final = 65534


def is_root() -> bool:
    """Whether this test run may change accounts."""
    return os.geteuid() == 0


def refused_account(name: str) -> str:
    """``application.accounts.Refusing`` of an engine that runs as everybody but ``forbidden``."""
    return "nothing runs as 'forbidden'" if name == "forbidden" else ""


needs_root = pytest.mark.skipif(not is_root(), reason="only root may change accounts")


@contextmanager
def as_nobody() -> Iterator[None]:
    """What this process does meanwhile, it does with the rights of the account of tasks."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
