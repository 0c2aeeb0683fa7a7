"""Runs a script as the main module and reports the exception that ends it.

Started by path as `python launcher.py REPORT SCRIPT [ARGUMENT ...]`. It uses the standard library only and removes
itself from `sys.path` and `sys.argv`. REPORT is a JSON file: {"error", "error_trace"}.
"""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from types import TracebackType


def main() -> None:
    report_path, script, *arguments = sys.argv[1:]
    sys.argv = [script, *arguments]
    sys.path[0] = script.rpartition("/")[0]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        if error.code not in (None, 0):
            write_report(report_path, f"SystemExit: {error.code}", "")
        raise
    except BaseException as error:
        trace = "".join(traceback.format_exception(error.with_traceback(own_frames(error.__traceback__, script))))
        write_report(report_path, "".join(traceback.format_exception_only(error)).strip().splitlines()[-1], trace)
        sys.stderr.write(trace)
        sys.exit(1)


def own_frames(trace: TracebackType | None, script: str) -> TracebackType | None:
    """The traceback without the launcher's own frames; None if the script could not be compiled."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace


def write_report(path: str, error: str, error_trace: str) -> None:
    with open(path, "w", encoding="utf-8", errors="replace") as file:
        json.dump({"error": error, "error_trace": error_trace}, file)


if __name__ == "__main__":
    main()
