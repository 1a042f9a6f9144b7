"""What an usher does: run one program, say how it ended, leave nothing of it.

Standard library only. Standard input is the service's lifeline: when it ends, so does all of this.
Standard output gets one line of JSON (``exit_code``, ``signal``, ``timed_out``, ``reason``) and
then, byte for byte, the beginning of what the program wrote.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time

from adapters.engines.local.launch import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl
from adapters.engines.local.members import Members, wait_status
from adapters.engines.local.procfs import has_children_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

OUTPUT_BYTES_MAX: Final = 64 * 1024
READ_BYTES: Final = 64 * 1024
LAST_READS_MAX: Final = 64
"""At the end at most this often more is read: the pipe may be full."""

KILL_SECONDS_MAX: Final = 5.0
PAUSE_SECONDS: Final = 0.01
NOT_STARTED: Final = 126
UMASK: Final = 0o077
LIFELINE: Final = 0


class Output:
    """The beginning of what the program wrote; the rest is read and dropped, so nobody waits."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.kept = bytearray()

    def read(self) -> bool:
        """Take what is there; False when there is nothing now."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return False
        self.kept += data[: OUTPUT_BYTES_MAX - len(self.kept)]
        return bool(data)


def main(seconds: float, command: list[str]) -> None:
    """Run it, tell, and end."""
    _close_the_rest()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    members = Members(os.getpid(), None, list_children=has_children_files())
    output_fd, output_writer = os.pipe()
    errors, errors_writer = os.pipe()
    usher = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(command, output_writer, errors_writer, usher)
    os.close(output_writer)
    os.close(errors_writer)
    output = Output(output_fd)
    try:
        over = _wait(pid, output, time.monotonic() + seconds)
        status = wait_status(pid)
    finally:
        _kill_all(members)
    if over == "abandoned":
        return
    _tell(status, over == "late", _all_of(errors), output)


def _close_the_rest() -> None:
    """An event loop may hand down more than the three standard files; nothing else is ours."""
    os.closerange(3, 1 + max(map(int, os.listdir("/proc/self/fd"))))


def _become(command: list[str], output: int, errors: int, usher: int) -> None:
    """In the child: nothing of the service is left but the service's account."""
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(UMASK)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == usher:
            os.execve(command[0], command, dict(os.environ))
    except BaseException as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        os.write(errors, text.encode("utf-8", "replace"))
    finally:
        os._exit(NOT_STARTED)


def _wait(pid: int, output: Output, deadline: float) -> str:
    """Until it has ended, ``""``; its time is over, ``late``; or the service is, ``abandoned``."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(LIFELINE, select.POLLIN | select.POLLHUP)
    poll.register(pidfd, select.POLLIN)
    poll.register(output.fd, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        ready = {fd for fd, _ in poll.poll(left * 1000)}
        if LIFELINE in ready:
            return "abandoned"
        if output.fd in ready and not output.read():
            poll.unregister(output.fd)  # closed by all who had it; they may go on
        if pidfd in ready:
            _drain(output)
            return ""
    _drain(output)
    return "late"


def _drain(output: Output) -> None:
    for _ in range(LAST_READS_MAX):
        if not output.read():
            return


def _kill_all(members: Members) -> None:
    """SIGKILL to everything below, again and again; given up only where the kernel keeps it."""
    deadline = time.monotonic() + KILL_SECONDS_MAX
    while members.living() and time.monotonic() < deadline:
        members.kill()
        _bury()
        time.sleep(PAUSE_SECONDS)
    _bury()


def _bury() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _all_of(fd: int) -> str:
    os.set_blocking(fd, False)
    try:
        return os.read(fd, READ_BYTES).decode("utf-8", "replace")
    except BlockingIOError:
        return ""


def _tell(
    status: tuple[int | None, int | None] | None, late: bool, reason: str, output: Output
) -> None:
    code, number = status or (None, None)
    said = {"exit_code": code, "signal": number, "timed_out": late, "reason": reason}
    data = json.dumps(said).encode() + b"\n" + bytes(output.kept)
    while data:
        data = data[os.write(1, data) :]
