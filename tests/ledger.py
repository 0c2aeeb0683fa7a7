"""A pytest plugin (``-p tests.ledger --ledger postgresql``): what each group of tests takes, and what it may take.

A group is a folder of tests/, two levels deep where there are two. At the end of a run the ledger is printed:

    group                    tests  seconds      cpu   budget
    deployments/runs           310     41.2     35.0       60

``seconds`` is the time of set-up, call and tear-down, added up over all workers; ``cpu`` what the test process and the
children that it has waited for used of it. A set-up of more than 5 s starts what many tests share (the product, a
sandbox, Chromium): it counts for the group "(shared)", since chance decides which test needs it first. A group that
exceeds its budget by half fails the run. On a busy machine it is only printed: the machine counts as busy when tests
waited for a core for more than a fifth of their time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SHARED, SHARED_SET_UP_S = "(shared)", 5.0
# Seconds on two cores, added up over both workers. A folder without a row of its own counts for the row above it
# ("deployments/runs" for "deployments"), or for "".
BUDGETS: dict[str, dict[str, float]] = {
    "postgresql": {
        SHARED: 450,
        "accounts": 30,
        "catalog": 40,
        "deployments": 900,
        "faults": 120,
        "flows": 100,
        "integrations": 100,
        "meta": 60,
        "monitoring": 450,
        "portal": 180,
        "sandbox": 450,
        "serving": 60,
        "sketches": 60,
        "terraform": 150,
        "web": 30,
        "": 150,
    },
    "sqlite": {SHARED: 150, "": 400},
}
TOLERANCE = 1.5
BUSY_SHARE = 0.2
TESTS = Path(__file__).resolve().parent


@dataclass
class Entry:
    tests: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    waited_s: float = 0.0

    def add(self, report: pytest.TestReport) -> None:
        self.tests += report.when == "call"
        self.seconds += report.duration
        self.cpu_s += getattr(report, "cpu_s", 0.0)
        self.waited_s += getattr(report, "waited_s", 0.0)


@dataclass(eq=False)
class Ledger:
    budgets: dict[str, float]
    groups: dict[str, Entry] = field(default_factory=lambda: defaultdict(Entry))

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        is_shared = report.when == "setup" and report.duration > SHARED_SET_UP_S
        self.groups[SHARED if is_shared else group_of(report.nodeid)].add(report)

    @property
    def is_busy(self) -> bool:
        waited = sum(entry.waited_s for entry in self.groups.values())
        return waited > BUSY_SHARE * sum(entry.seconds for entry in self.groups.values())

    def by_budget(self) -> dict[str, float]:
        """Seconds of each row of the table of budgets."""
        spent: dict[str, float] = defaultdict(float)
        for group, entry in self.groups.items():
            spent[row_of(group, self.budgets)] += entry.seconds
        return spent

    def exceeded(self) -> list[str]:
        spent = self.by_budget()
        return sorted(row for row, budget in self.budgets.items() if spent.get(row, 0) > TOLERANCE * budget)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.exceeded() and not self.is_busy and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("ledger")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        yield f"{'group':<32}{'tests':>7}{'seconds':>9}{'cpu':>9}{'budget':>9}"
        for group, entry in sorted(self.groups.items()):
            budget = f"{self.budgets[group]:.0f}" if group in self.budgets else ""
            yield f"{group or '(tests)':<32}{entry.tests:>7}{entry.seconds:>9.1f}{entry.cpu_s:>9.1f}{budget:>9}"
        total = Entry(*(sum(column) for column in zip(*map(vars_of, self.groups.values()), strict=True)))
        yield f"{'together':<32}{total.tests:>7}{total.seconds:>9.1f}{total.cpu_s:>9.1f}"
        spent = self.by_budget()
        for row in self.exceeded():
            yield f"{row or 'together'}: {spent[row]:.0f} s exceed the budget of {self.budgets[row]:.0f} s by half"
        if self.is_busy:
            yield f"The machine is busy (tests waited {total.waited_s:.0f} s for a core): budgets are not enforced."


def vars_of(entry: Entry) -> tuple[int, float, float, float]:
    return entry.tests, entry.seconds, entry.cpu_s, entry.waited_s


def group_of(nodeid: str) -> str:
    """The folder below tests/, at most two deep; "" for what is in none."""
    folders = Path(nodeid.partition("::")[0]).parts[1:-1]
    return "/".join(folders[:2])


def row_of(group: str, budgets: dict[str, float]) -> str:
    return next((row for row in (group, group.partition("/")[0]) if row in budgets), "")


class Meter:
    """Measures each phase in the process that runs it; the figures travel with the report."""

    def __init__(self) -> None:
        self._cpu_s, self._waited_s = cpu_s(), waited_s()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        report = yield
        before = self._cpu_s, self._waited_s
        self._cpu_s, self._waited_s = cpu_s(), waited_s()
        report.cpu_s, report.waited_s = self._cpu_s - before[0], self._waited_s - before[1]
        return report


def cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def waited_s() -> float:
    """How long this thread was ready to run without a core; 0 where the system does not say."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ledger", choices=sorted(BUDGETS), help="print the ledger and hold it to these budgets")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--ledger")
    if not name:
        return
    config.pluginmanager.register(Meter())
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ledger(BUDGETS[name]))
