"""Become the nats-server, as a child that ends with its parent. Run as a script, never imported.

    python -I -S launcher.py PARENT_PID COMMAND [ARGUMENT...]

The kernel sends SIGTERM when the *thread* that started this process ends, also by kill -9.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, see that the parent is still there, and become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent ended before its nats-server began")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
