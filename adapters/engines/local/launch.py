"""Starting the command line: rights dropped, group joined, only then executed.

Standard library only: part of the warden.
"""

from __future__ import annotations

import ctypes
import os
import signal

from adapters.engines.local.cgroups import Cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

EXIT_NOT_STARTED: Final = 126
"""The exit code of a run whose command line could not be started, as a shell has it."""

REASON_BYTES_MAX: Final = 1000
UMASK: Final = 0o022


class Spec:
    """What the engine told the warden to keep: a node, milliseconds, an account, a command line.

    ``uid`` -1: stay what the service is. ``directory``: absolute, or "" for the run's own, which is
    entered before rights are dropped. ``cgroup``: the directory to make, or "".
    """

    def __init__(self, fields: dict[str, str], environment: dict[str, str]) -> None:
        self.cgroup = fields["cgroup"]
        self.node = fields["node"]
        self.kill_ms = int(fields["kill_ms"])
        self.go_ms = int(fields["go_ms"])
        self.limit_ms = int(fields["limit_ms"])
        self.uid = int(fields["uid"])
        self.gid = int(fields["gid"])
        self.groups = tuple(map(int, fields["groups"].split()))
        self.directory = fields["directory"]
        self.command = fields["command"]
        self.environment = environment


class Launched:
    """A child that waits to be released. ``errors`` says why the command line did not start."""

    __slots__ = ("errors", "output", "pid", "release")

    def __init__(self, pid: int, output: int, errors: int, release: int) -> None:
        self.pid = pid
        self.output = output
        self.errors = errors
        self.release = release


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process. Raises ``OSError``."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def launch(spec: Spec, oom_score: str) -> Launched:
    """Fork. The child does nothing before a byte is written to ``release``; EOF there ends it."""
    output, output_writer = os.pipe()
    errors, errors_writer = os.pipe()
    gate, release = os.pipe()
    warden = os.getpid()
    # The warden ignores signals, and so does its child until ``_defaults``: a stop signal sent in
    # between would be lost. A blocked one is kept, ignored or not, and ends the child there.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid == 0:
        _child(spec, warden, gate, release, output_writer, errors_writer, oom_score)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for fd in (output_writer, errors_writer, gate):
        os.close(fd)
    return Launched(pid, output, errors, release)


def admit(cgroup: Cgroup | None, launched: Launched) -> bool:
    """Put the waiting child into the run's cgroup and let it start; False without a cgroup."""
    admitted = cgroup is not None and cgroup.add(launched.pid)
    os.write(launched.release, b"g")
    os.close(launched.release)
    return admitted


def _child(
    spec: Spec, warden: int, gate: int, release: int, output: int, errors: int, oom_score: str
) -> None:
    doing = "setting up"
    try:
        os.setsid()
        os.close(release)
        if not os.read(gate, 1):
            os._exit(EXIT_NOT_STARTED)
        _streams(output)
        _defaults(oom_score)
        doing = f"work directory {spec.directory or '(of the run)'}"
        if not spec.directory:
            os.chdir("work")
        _drop_rights(spec)
        if spec.directory:
            os.chdir(spec.directory)
        doing = "command line"
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == warden:
            os.execve("/bin/sh", ["sh", "-c", spec.command], spec.environment)
    except BaseException as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        os.write(errors, f"{doing}: {text}".encode("utf-8", "replace")[:REASON_BYTES_MAX])
    finally:
        os._exit(EXIT_NOT_STARTED)


def _streams(output: int) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _defaults(oom_score: str) -> None:
    """Nothing of the warden's own defences is handed on."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(UMASK)
    set_oom_score(oom_score)


def _drop_rights(spec: Spec) -> None:
    if spec.uid >= 0:
        os.setgroups(spec.groups)
        os.setresgid(spec.gid, spec.gid, spec.gid)
        os.setresuid(spec.uid, spec.uid, spec.uid)


def set_oom_score(score: str) -> None:
    """How willingly the kernel sacrifices this process; without the right, it stays as it was."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, score.encode())
        finally:
            os.close(fd)
    except OSError:
        pass
