"""``python -I -S stop_with_parent.py PROGRAM ARGUMENT...``: run PROGRAM and send it SIGTERM when the parent dies.

A supervisor that is killed with SIGKILL cannot stop its programs, but the kernel can. Linux only. The signal depends
on the thread that started this program, so that thread must live as long as its process.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# Pid of the expected parent. Without it, a parent that has just died would go unnoticed.
PARENT = "SLIPWAY_PARENT_PID"


def stop_with_parent(parent: int) -> None:
    """Let the kernel send SIGTERM to this process when ``parent`` ends. Exits if ``parent`` has already ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    stop_with_parent(int(os.environ.get(PARENT) or os.getppid()))
    os.environ[PARENT] = str(os.getpid())
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell, and argv is the supervisor's own
