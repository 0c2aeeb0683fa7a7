"""Benchmark of drift on one million rows and 30 columns in Delta: Slipway, Evidently and NannyML.

Each tool runs in its own process and environment and measures reading and computing, without imports. Slipway compares
with a stored baseline, as in production; the other tools read the reference again, because they do not store one.
Also measures the last 30 days by day, see bench/drift_days.py. Run it with ``make bench-drift``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from bench.report import Verdict, finish, machine, median, show
from sketches.baseline import make_baseline

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "bench" / "drift_peers"
ROUNDS = 3
PIECE = 100_000
REQUIREMENTS = {
    "evidently": ["evidently==0.7.23", "pandas<3", "pyarrow"],
    "nannyml": ["nannyml==0.13.1", "statsmodels", "pyarrow"],
}
Figures = dict[str, float]


def rows(count: int, seed: int, shift: float) -> pa.Table:
    """Random rows with 20 numeric columns and 10 categorical columns of 3 to 30 categories."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"n{i}": rng.normal(shift * (i % 3), 1 + 0.1 * i, count) for i in range(20)}
    for i in range(10):
        names = np.array([f"category {j}" for j in range(3 + 3 * i)])
        weights = np.random.default_rng(i).dirichlet(np.ones(len(names)) * 5)
        columns[f"c{i}"] = pa.array(names[rng.choice(len(names), count, p=weights)])
    return pa.table(columns)


def pieces(count: int, shift: float) -> Iterator[pa.Table]:
    for seed in range(count // PIECE):
        yield rows(PIECE, seed + int(shift * 1000) * 1000, shift)


def write(path: Path, count: int, shift: float) -> Path:
    for piece in pieces(count, shift):
        write_deltalake(str(path), piece, mode="append")
    return path


def environment(peer: str, folder: Path) -> Path:
    """Create a temporary virtual environment for the peer and return its Python."""
    uv = shutil.which("uv", path=f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}")
    assert uv, "uv is not installed. Run make test to install it."
    home = folder / peer
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    wanted = [uv, "pip", "install", "-q", "--python", str(home / "bin" / "python"), *REQUIREMENTS[peer]]
    subprocess.run(wanted, check=True)
    return home / "bin" / "python"


def measure(*command: str | Path) -> Figures:
    """Run a tool once and read its figures from the last line of its output."""
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "NML_DISABLE_USAGE_LOGGING": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run([str(part) for part in command], env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[1]} failed:\n{done.stderr[-2000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(runs: list[Figures]) -> Figures:
    return {key: median(run[key] for run in runs) for key in runs[0]}


def parquet(table: Path, folder: Path) -> Path:
    """Link the files of a Delta table without its log, for tools that cannot read Delta."""
    folder.mkdir()
    for uri in DeltaTable(str(table)).file_uris():
        os.link(uri, folder / Path(uri).name)
    return folder


def compare(folder: Path) -> dict[str, Figures]:
    reference, current = write(folder / "reference", PIECE, 0.0), write(folder / "current", 10 * PIECE, 0.05)
    baseline = folder / "baseline.json"
    baseline.write_text(json.dumps(make_baseline(DeltaTable(str(reference)).to_pyarrow_table())))
    plain = parquet(reference, folder / "reference.parquet"), parquet(current, folder / "current.parquet")
    commands: dict[str, list[str | Path]] = {
        "slipway": [sys.executable, PEERS / "ours.py", baseline, current],
        "nannyml": [environment("nannyml", folder), PEERS / "nannyml_univariate.py", *plain],
        "evidently": [environment("evidently", folder), PEERS / "evidently_preset.py", *plain],
    }
    runs: dict[str, list[Figures]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            runs[name].append(measure(*command))
    found = {name: medians(each) for name, each in runs.items()}
    shutil.rmtree(current)
    large = write(folder / "large", 100 * PIECE, 0.05)
    return found | {"slipway, 10 million rows": measure(sys.executable, PEERS / "ours.py", baseline, large)}


def main() -> int:
    print(machine("numpy", "pyarrow", "deltalake"))
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        found = compare(Path(name))
    days = measure(sys.executable, "-m", "bench.drift_days")
    show(
        f"1 million rows x 30 columns, median of {ROUNDS}",
        ("tool", "CPU s", "wall s", "peak MiB", "columns"),
        [
            (tool, f"{row['cpu_s']:.2f}", f"{row['wall_s']:.2f}", f"{row['peak_mib']:.0f}", int(row["columns"]))
            for tool, row in found.items()
        ],
    )
    show(
        "the last 30 days by day x 30 columns, counted by the hour",
        ("from", "ms"),
        [
            ("the database", f"{days['database_ms']:.1f}"),
            ("the lake", f"{days['lake_ms']:.1f}"),
            ("720 hours, added up anew", f"{days['add_up_ms']:.1f}"),
        ],
    )
    ours, evidently, nannyml = found["slipway"], found["evidently"], found["nannyml"]
    return finish(
        "drift",
        [
            Verdict("ratio", evidently["cpu_s"] / ours["cpu_s"], 40),
            Verdict("memory of Evidently by ours", evidently["peak_mib"] / ours["peak_mib"], 8),
            Verdict("CPU of NannyML by ours", nannyml["cpu_s"] / ours["cpu_s"], 8),
            Verdict("peak MiB at 10 million rows", found["slipway, 10 million rows"]["peak_mib"], 600, False),
            Verdict("ms of 30 days from the database", days["database_ms"], 50, False),
            Verdict("ms of 30 days from the lake", days["lake_ms"], 150, False),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
