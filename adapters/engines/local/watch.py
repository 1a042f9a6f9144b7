"""The warden's loop: wait for commands, children, output and deadlines; sync; tell.

Standard library only. It defends itself against what a task may do: signals are ignored, inherited
descriptors closed, and the kernel is asked to sacrifice it last.
"""

from __future__ import annotations

import math
import os
import select
import signal
import time

from adapters.engines.local import procfs
from adapters.engines.local.cgroups import Cgroup
from adapters.engines.local.keeper import Keeper
from adapters.engines.local.launch import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_NO_NEW_PRIVS,
    Spec,
    prctl,
    set_oom_score,
)
from adapters.engines.local.members import Members
from adapters.engines.local.notebook import Notebook, sync_directory
from adapters.engines.local.talk import CLIENTS_MAX, SOCKET_NAME, Client, Listener, read_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NOTE_RETRY_SECONDS: Final = 1.0
CGROUP_REMOVE_SECONDS_MAX: Final = 2.0
OOM_SCORE_PROTECTED: Final = "-900"
DESCRIPTORS_MAX: Final = 65_536
IGNORED: Final = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGPIPE,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


def main(directory: str) -> None:
    """Keep the run of ``directory``; the service that started it talks over descriptor 0."""
    os.closerange(3, DESCRIPTORS_MAX)
    os.chdir(directory)
    service = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    wake = _defend()
    spec = read_spec(service)
    if spec is None:
        return
    oom_score = procfs.read_text("/proc/self/oom_score_adj").strip()
    set_oom_score(OOM_SCORE_PROTECTED)
    notebook = _notebook(spec)
    group = _cgroup(spec)
    members = Members(os.getpid(), group, list_children=procfs.has_children_files())
    keeper = Keeper(spec, notebook, members, oom_score)
    Watch(keeper, notebook, group, wake, service).run()


def _defend() -> int:
    """Become a subreaper that signals do not end; the descriptor that a child's end wakes."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    wake, waker = os.pipe()
    for fd in (wake, waker):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake


def _notebook(spec: Spec) -> Notebook:
    """The notes of a run that is there from now on."""
    notebook = Notebook("notes")
    me = procfs.process(os.getpid())
    notebook.add(
        "prepared",
        boot_id=procfs.boot_id(),
        pid=os.getpid(),
        start_ticks=me.start_ticks if me else 0,
        cgroup=spec.cgroup,
        node=spec.node,
    )
    return notebook


def _cgroup(spec: Spec) -> Cgroup | None:
    """The run's cgroup, where one can be made."""
    group = Cgroup(spec.cgroup)
    return group if spec.cgroup and group.make() else None


class Watch:
    """The loop around one keeper."""

    def __init__(
        self, keeper: Keeper, notebook: Notebook, group: Cgroup | None, wake: int, service: int
    ) -> None:
        self._keeper, self._notes, self._cgroup = keeper, notebook, group
        self._wake = wake
        self._listener = Listener()
        self._clients = {service: Client(service)}
        self._told = 0
        self._replies: list[tuple[Client, int, str]] = []
        sync_directory(".")
        sync_directory("..")
        self._tell()

    def run(self) -> None:
        """Until the run is over and its notes are on the disk."""
        while self._keeper.phase != "over" or not self._notes.synced:
            self._attend(self._wait())
            self._keeper.fall_due()
            self._keeper.reap()
            self._tell()
        if self._cgroup is not None:
            self._cgroup.remove(CGROUP_REMOVE_SECONDS_MAX)
        if os.path.exists(SOCKET_NAME):
            os.unlink(SOCKET_NAME)

    def _wait(self) -> list[int]:
        """The descriptors that have something, or none when the next moment is due."""
        poll = select.poll()
        drain, keeper = self._keeper.drain, self._keeper
        for fd in (self._wake, self._listener.fd, *self._clients):
            poll.register(fd, select.POLLIN)
        if drain is not None and drain.open:
            poll.register(drain.fd, select.POLLIN)
        if keeper.errors >= 0:
            poll.register(keeper.errors, select.POLLIN)
        return [fd for fd, _ in poll.poll(self._timeout_ms())]

    def _timeout_ms(self) -> int | None:
        due = list(self._keeper.due.values())
        if not self._notes.synced:
            due.append(time.monotonic() + NOTE_RETRY_SECONDS)
        return max(0, math.ceil((min(due) - time.monotonic()) * 1000)) if due else None

    def _attend(self, ready: list[int]) -> None:
        keeper = self._keeper
        for fd in ready:
            if fd == self._wake:
                os.read(fd, 4096)
            elif fd == self._listener.fd:
                self._accept()
            elif fd in self._clients:
                self._serve(self._clients[fd])
            elif fd == keeper.errors:
                keeper.read_errors()
            elif keeper.drain is not None and fd == keeper.drain.fd:
                keeper.drain.read()

    def _accept(self) -> None:
        fd = self._listener.accept()
        if fd is not None and len(self._clients) < CLIENTS_MAX:
            self._clients[fd] = Client(fd)
            self._clients[fd].send(b"".join(self._notes.lines[: self._told]))
        elif fd is not None:
            os.close(fd)

    def _serve(self, client: Client) -> None:
        for number, word, arguments in client.commands():
            try:
                error = self._keeper.obey(word, arguments)
            except (ValueError, OSError) as failure:
                error = repr(failure)
            self._replies.append((client, number, error))

    def _tell(self) -> None:
        """Sync, then send what is new, then answer, then part with those who are gone."""
        self._notes.sync()
        new = b"".join(self._notes.lines[self._told :])
        self._told = len(self._notes.lines)
        for client in list(self._clients.values()) if new else []:
            client.send(new)
        for client, number, error in self._replies:
            client.reply(number, error)
        self._replies = []
        for fd in [fd for fd, client in self._clients.items() if not client.open]:
            os.close(fd)
            del self._clients[fd]
