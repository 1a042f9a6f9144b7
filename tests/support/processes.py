"""Looking at real processes, and at what they write."""

import os
from pathlib import Path

from adapters.engines.local.procfs import Process, all_pids, process, read_bytes


def carrying(text: str, *files: str) -> list[Process]:
    """Living processes whose environment (or these ``files`` of theirs) hold ``text``."""
    found = []
    for pid in all_pids():
        try:
            told = b"".join(read_bytes(f"/proc/{pid}/{file}") for file in files or ("environ",))
        except OSError:
            continue
        one = process(pid)
        if text.encode() in told and one is not None and one.living:
            found.append(one)
    return found


def belonging_to(text: str) -> list[Process]:
    """Living processes that carry ``text`` in command line or environment, but not this one."""
    return [one for one in carrying(text, "cmdline", "environ") if one.pid != os.getpid()]


def command_line(pid: int) -> str:
    """What a process was started with; "" when it is gone."""
    try:
        return read_bytes(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def working_in(directory: Path) -> list[Process]:
    """Living processes whose working directory lies in ``directory``, but not this one."""
    found = []
    for pid in all_pids():
        try:
            where = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        one = process(pid)
        inside = pid != os.getpid() and where.startswith(f"{directory}/")
        if inside and one is not None and one.living:
            found.append(one)
    return found


def builders_in(directory: Path | str) -> list[Process]:
    """Processes that build views and have a file below this directory open."""
    found = [one for one in belonging_to("view_builder.py") if has_open(one.pid, str(directory))]
    return [one for one in found if "view_builder.py" in command_line(one.pid)]


def has_open(pid: int, directory: str) -> bool:
    """Whether a process has a file below a directory open."""
    try:
        files = os.listdir(f"/proc/{pid}/fd")
        return any(os.readlink(f"/proc/{pid}/fd/{n}").startswith(directory) for n in files)
    except OSError:
        return False


def written(path: Path) -> str:
    """What stands in a file by now; "" when it is not there yet."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def alive(pid: int) -> bool:
    """Whether a living process has that pid."""
    one = process(pid)
    return one is not None and one.living


def descriptors(pid: int) -> list[str]:
    """What a process has open."""
    return [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]


def memory_highest_kib(pid: int) -> int:
    """The most memory a process ever had resident, shared libraries included."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])


def memory_own_kib(pid: int) -> int:
    """The memory a process shares with no file and nobody."""
    return int(Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1].split()[0])
