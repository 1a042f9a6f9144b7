"""What a dead warden leaves behind: found by proof, killed, counted."""

import os
import signal
import time
from typing import Final

from adapters.engines.local.accounts import MARKER
from adapters.engines.local.cgroups import Cgroup
from adapters.engines.local.notes import Record
from adapters.engines.local.procfs import (
    Process,
    all_pids,
    boot_id,
    process,
    read_bytes,
    send_signal,
)

PAUSE_SECONDS: Final = 0.01


def sweep(record: Record, run_name: str, seconds_max: float) -> tuple[int, int]:
    """SIGKILL to everything that provably belonged to the run; (killed, still there).

    Proof is: being in the run's cgroup, carrying the run's name in the environment, belonging to
    the session of the leader that is there still, or being a child of such a process. After a
    restart of the machine nothing is left and nothing is touched. Blocks up to ``seconds_max``.
    """
    handle = record.status.handle
    if handle is None or handle.boot_id != boot_id():
        return 0, 0
    group = Cgroup(record.cgroup) if record.cgroup else None
    deadline, killed = time.monotonic() + seconds_max, set[tuple[int, int]]()
    while (found := _find(record, run_name, group)) and time.monotonic() < deadline:
        if group is not None:
            group.kill()
            group.thaw()
        for one in found:
            send_signal(one, signal.SIGKILL)
        killed |= {one.identity for one in found}
        time.sleep(PAUSE_SECONDS)
    if group is not None:
        group.remove()
    return len(killed), len(found)


def _find(record: Record, run_name: str, group: Cgroup | None) -> list[Process]:
    everything = {pid: one for pid in all_pids() if (one := process(pid)) is not None}
    proven = {pid for pid in everything if _carries(pid, run_name)}
    if group is not None:
        proven |= set(group.pids())
    leader = everything.get(record.leader_pid)
    if leader is not None and leader.start_ticks == record.leader_ticks:
        proven |= {one.pid for one in everything.values() if one.session == leader.pid}
    proven = _with_children(proven, everything) - {os.getpid()}
    return [everything[pid] for pid in proven if pid in everything and everything[pid].living]


def _carries(pid: int, run_name: str) -> bool:
    try:
        variables = read_bytes(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return False
    return f"{MARKER}={run_name}".encode() in variables


def _with_children(proven: set[int], everything: dict[int, Process]) -> set[int]:
    while more := {p.pid for p in everything.values() if p.parent in proven} - proven:
        proven = proven | more
    return proven
