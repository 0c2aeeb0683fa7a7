"""``python -I -S stop_with_parent.py PROGRAM ARGUMENT...``: become PROGRAM, and be told to stop when the parent dies.

For a supervisor that is killed with SIGKILL: it cannot stop its programs, the kernel can. Linux only; the signal
is tied to the thread that started this program, so that has to be one that lives as long as its process.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
# Who started us. Without it nobody could tell a parent that died a moment ago from one that never was.
PARENT = "SLIPWAY_PARENT_PID"


def stop_with_parent(parent: int) -> None:
    """Let the kernel send SIGTERM to this process when ``parent`` ends; end now if that is not our parent any more."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    stop_with_parent(int(os.environ.get(PARENT) or os.getppid()))
    os.environ[PARENT] = str(os.getpid())
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell, and argv is the supervisor's own
