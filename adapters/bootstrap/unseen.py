"""What a library would load for features that this service does not use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen(package: str) -> Iterator[None]:
    """While the block imports, ``package`` is as if it were not installed; afterwards it is there.

    Only for libraries that offer it as an extra. One that is loaded already stays loaded.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
