"""One cgroup v2 for one run. Standard library only: the warden uses it too."""

from __future__ import annotations

import os
import time

from adapters.engines.local.procfs import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PREFIX: Final = "countermand-"
FREEZE_SECONDS_MAX: Final = 0.1
REMOVE_SECONDS_MAX: Final = 0.05
PAUSE_SECONDS: Final = 0.001


def own_directory() -> str | None:
    """The directory of this process's own cgroup v2, or None where there is no such hierarchy.

    The mount is looked up, never assumed: it may be hybrid, or show only part of the tree.
    """
    try:
        own = read_text("/proc/self/cgroup")
        mounts = read_text("/proc/self/mountinfo")
    except OSError:
        return None
    return directory_of(own.splitlines(), mounts.splitlines())


def directory_of(own: list[str], mounts: list[str]) -> str | None:
    """The same, from the lines of /proc/self/cgroup and /proc/self/mountinfo."""
    path = next((line[3:] for line in own if line.startswith("0::")), "")
    for line in mounts if path and "/.." not in path else ():
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup2 "):
            root, mount = (_unescape(field) for field in left.split()[3:5])
            root = root.rstrip("/")
            if f"{path}/".startswith(f"{root}/"):
                return (mount + path[len(root) :]).rstrip("/")
    return None


def _unescape(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field


class Cgroup:
    """A cgroup that this service made: its directory and what can be done with it."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def make(self) -> bool:
        """Create it; False where this process may not."""
        try:
            os.mkdir(self.directory, 0o755)
        except FileExistsError:
            return True
        except OSError:
            return False
        return True

    def add(self, pid: int) -> bool:
        """Move a process into it; False where this process may not."""
        return self._write("cgroup.procs", str(pid))

    def pids(self) -> list[int]:
        """Every process in it and below, without zombies."""
        found: list[int] = []
        for directory, _, _ in os.walk(self.directory):
            try:
                found += map(int, read_text(f"{directory}/cgroup.procs").split())
            except OSError:
                continue
        return found

    def freeze(self, seconds_max: float = FREEZE_SECONDS_MAX) -> None:
        """Let no process of it run on. Gives up waiting after ``seconds_max`` (sleeping disks)."""
        deadline = time.monotonic() + seconds_max
        if not self._write("cgroup.freeze", "1"):
            return
        while not self._frozen() and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)

    def thaw(self) -> None:
        """Let its processes run on."""
        self._write("cgroup.freeze", "0")

    def kill(self) -> bool:
        """SIGKILL to every process in it and below, at once; False on kernels before 5.14."""
        return self._write("cgroup.kill", "1")

    def remove(self, seconds_max: float = REMOVE_SECONDS_MAX) -> bool:
        """Remove it with what is below; False when a process is in it still.

        Tried for ``seconds_max``: what has ended may leave its cgroup a moment later.
        """
        deadline = time.monotonic() + seconds_max
        while True:
            try:
                self._remove_tree()
            except FileNotFoundError:
                return True
            except OSError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(PAUSE_SECONDS)
            else:
                return True

    def _remove_tree(self) -> None:
        for directory, _, _ in os.walk(self.directory, topdown=False):
            os.rmdir(directory)

    def _frozen(self) -> bool:
        try:
            return "frozen 1" in read_text(f"{self.directory}/cgroup.events")
        except OSError:
            return True

    def _write(self, name: str, text: str) -> bool:
        try:
            fd = os.open(f"{self.directory}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            os.write(fd, text.encode())
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(fd)
