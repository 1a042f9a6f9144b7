"""Whether a filter program may be run: nobody but root and the service can have put it there.

It runs as the service's account. A file that somebody else can change, or swap, would give that
account, and with it every job, away.
"""

import os
import stat
from collections.abc import Iterator

from application.filters import FilterRun
from domain.states import FilterHow

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def refusal(program: str) -> FilterRun | None:
    """Why it is not run; None when it may be. Blocks, for a moment."""
    if not program.startswith("/"):
        return invalid(f"{program} is not an absolute path")
    try:
        real = os.path.realpath(program, strict=True)
        found = os.stat(real)
    except (FileNotFoundError, NotADirectoryError):
        return FilterRun(FilterHow.MISSING, reason=f"there is no file {program}")
    except OSError as error:
        return invalid(f"{program} cannot be looked at: {error.strerror}")
    if real != program:
        return invalid(f"{program} leads over a symbolic link to {real}; set that path")
    if not stat.S_ISREG(found.st_mode):
        return invalid(f"{program} is not a file")
    if not os.access(real, os.X_OK):
        return invalid(f"{program} is not executable; chmod +x makes it so")
    return next((invalid(trouble) for trouble in exposures(real)), None)


def exposures(path: str) -> Iterator[str]:
    """How somebody else could change the file, or swap it on the way to it."""
    trusted = {0, os.geteuid()}
    for one in (path, *parents(path)):
        found = os.stat(one)
        if found.st_uid not in trusted:
            yield f"{one} belongs to another account (uid {found.st_uid}); it must be root's"
        guarded = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_mode & WRITABLE_BY_OTHERS and not guarded:
            yield f"{one} can be changed by other accounts; chmod go-w ends that"


def parents(path: str) -> Iterator[str]:
    """Every directory above, up to the root."""
    while path != "/":
        path = os.path.dirname(path)
        yield path


def invalid(reason: str) -> FilterRun:
    """It is there, and is not run."""
    return FilterRun(FilterHow.INVALID, reason=reason)
