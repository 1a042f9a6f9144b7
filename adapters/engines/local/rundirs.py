"""The directories of runs: one for each keeper ever made, named after its run and a nonce.

<job>.<task>.<instance>-<attempt>.<nonce>/   0711, so that the account can reach ``work``
  notes, sock, output.head, output.tail, warden.err   0600
  work/                                               0700, the account's

kept/<job>/ has those whose end is written on the stream, until the job leaves the view.
"""

import os
import re
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.engines.local import notes
from adapters.engines.local.accounts import STAY, Account
from adapters.engines.local.cgroups import Cgroup
from adapters.engines.local.notebook import sync_directory
from adapters.engines.local.notes import Record
from application.engine import RunKey
from domain.errors import Refused, Unknown

KEPT: Final = "kept"
DIRECTORY_MODE: Final = 0o711
NAME: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)-(\d+)\.[0-9a-f]{8}", re.ASCII)
NOTELESS_SECONDS_MAX: Final = 120.0
"""A directory without notes is a run half made; this old, nobody makes it whole any more."""


class Output(Struct, frozen=True):
    """A run's output: its first and last 64 KiB (without overlap), and how many bytes there were.

    ``total`` is exact once the run has ended; before that it counts what is kept.
    """

    head: bytes
    tail: bytes
    total: int


def new_name(key: RunKey) -> str:
    """A directory name that was never used before."""
    return f"{key.job}.{key.task}.{key.instance}-{key.attempt}.{secrets.token_hex(4)}"


def make(directory: Path, account: Account) -> None:
    """A run's directory and its work directory, owned by the account. Raises ``OSError``."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.parent.chmod(DIRECTORY_MODE)  # whatever the umask: ``work`` is reached through it
    work = directory / "work"
    directory.mkdir()
    work.mkdir(mode=0o700)
    directory.chmod(DIRECTORY_MODE)
    if account.uid != STAY:
        os.chown(work, account.uid, account.gid)


def check_work_directory(path: str) -> None:
    """Refuse a work directory that cannot be one. Whether the account may enter it shows later."""
    if not path:
        return
    if not path.startswith("/"):
        raise Refused(f"the work directory {path!r} is not absolute", code="work_directory")
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"there is no work directory {path!r}", code="work_directory") from None
    except OSError:
        return
    if not stat.S_ISDIR(mode):
        raise Refused(f"{path!r} is not a directory", code="work_directory")


Found = tuple[Path, Record]


def scan(runs_directory: Path, known: frozenset[RunKey]) -> tuple[dict[RunKey, Found], list[Found]]:
    """The directory that counts for every run but the ``known`` ones, and those that do not.

    Of several for one run it is the one that was told to go, else the latest.
    """
    found: dict[RunKey, Found] = {}
    others: list[Found] = []
    for directory in sorted(runs_directory.glob("*.*")):
        matched = NAME.fullmatch(directory.name)
        if matched is None or (key := RunKey(*map(int, matched.groups()))) in known:
            continue
        record = notes.read(directory, key)
        if record.n == 0:
            _remove_noteless(directory, record)
        elif key in found:
            first, second = sorted((found[key], (directory, record)), key=_rank)
            others.append(first)
            found[key] = second
        else:
            found[key] = directory, record
    return found, others


def _rank(found: Found) -> tuple[bool, int]:
    return found[1].went, found[1].at_ms


def _remove_noteless(directory: Path, record: Record) -> None:
    try:
        old = time.time() - directory.stat().st_mtime > NOTELESS_SECONDS_MAX
    except OSError:
        return
    if old:
        remove(directory, record)


def remove(directory: Path, record: Record) -> None:
    """Remove everything of a run. What cannot be removed stays, and is found again by ``scan``."""
    if record.cgroup:
        Cgroup(record.cgroup).remove()
    shutil.rmtree(directory, ignore_errors=True)
    if directory.parent.exists():
        sync_directory(str(directory.parent))


def put_aside(directory: Path, record: Record) -> None:
    """Keep a run that is over where ``scan`` does not look: below its job's number.

    A crash before that leaves it to be found once more. Raises ``OSError``.
    """
    if record.cgroup:
        Cgroup(record.cgroup).remove()
    job_id = directory.name.partition(".")[0]
    kept = directory.parent / KEPT / job_id
    for place in (kept.parent, kept):
        place.mkdir(exist_ok=True)
        place.chmod(DIRECTORY_MODE)
    directory.rename(kept / directory.name)


def remove_kept(runs_directory: Path, job_id: int) -> None:
    """Remove everything of a job's runs that was put aside; what cannot be removed stays."""
    shutil.rmtree(runs_directory / KEPT / str(job_id), ignore_errors=True)


def kept_output(runs_directory: Path, key: RunKey) -> Output:
    """The output of a run that was put aside. Raises ``Unknown``."""
    name = f"{key.job}.{key.task}.{key.instance}-{key.attempt}.*"
    for directory in sorted((runs_directory / KEPT / str(key.job)).glob(name)):
        return read_output(directory, notes.read(directory, key))
    raise Unknown(f"no such run: {key}", code="unknown_run")


def read_output(directory: Path, record: Record) -> Output:
    """What the warden kept of the output."""
    head, tail = (_bytes(directory / name) for name in ("output.head", "output.tail"))
    return Output(head, tail, max(record.status.output_bytes, len(head) + len(tail)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
