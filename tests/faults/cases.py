"""One run under a fault, and what has to hold of it whatever the fault was."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from typing import Any

from deployments.runs.statuses import GOOD, STAGES, TERMINAL, RunKind
from tests.product import Product
from tests.waiting import wait_until

# From the moment that the fault is over to an end, or to going on.
RECOVERY_S = 60
WAY = ("queued", *STAGES[RunKind.DEPLOY])


@dataclass
class Case:
    """``began`` and ``where`` are set when the fault has struck: seconds count from there."""

    product: Product
    test: str
    name: str
    since: int
    run_id: int = 0
    where: str = ""
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, product: Product, test: str) -> Case:
        digest = hashlib.sha256(test.encode()).hexdigest()[:8]
        return cls(product, test, f"fault-{digest}", product.cursor())

    def again(self, number: int) -> Case:
        """The same for another deployment."""
        return replace(self, name=f"{self.name}-{number}", since=self.product.cursor())

    def deploy(self, **changes: Any) -> int:
        self.run_id = self.product.deploy(self.name, **changes)
        return self.run_id

    def struck(self) -> None:
        """The fault is there, or over: count the seconds from now."""
        self.began, self.where = time.monotonic(), self.status

    @property
    def status(self) -> str:
        """As the database has it now: a query of milliseconds, for faults that aim at a stage."""
        return str(self._column("status"))

    def see(self, status: str, timeout_s: float = 60) -> None:
        """Return within a millisecond of the run's entering ``status``; later where this machine is busy."""
        before = WAY[: WAY.index(status)]
        wait_until(lambda: self.status not in before, timeout_s, interval_s=0.0005)

    def see_at_work_on(self, status: str, timeout_s: float = 60) -> None:
        """Return within a millisecond of a worker's taking the run to do stage ``status``, or once it has left it."""
        wait_until(lambda: self._at_work_on(status) or self._over(), timeout_s, interval_s=0.0005)

    def _at_work_on(self, status: str) -> bool:
        # Entering a stage sets the tries back; the worker that enters it holds its lease for a moment longer.
        return self.status == status and bool(self._column("stage_tries"))

    def _over(self) -> bool:
        return self.status in TERMINAL

    def finish(self, *, resume: bool = False) -> dict[str, Any]:
        """The run at its end within RECOVERY_S; with ``resume`` one that was interrupted or failed is resumed once."""
        run = self.product.finished(self.run_id, RECOVERY_S)
        if resume and run["status"] in ("interrupted", "failed"):
            self.check_lock()
            self.product.api("fiona").post(f"runs/{self.run_id}/resume/", json={}).raise_for_status()
            run = self.product.finished(self.run_id, RECOVERY_S)
        return run

    def succeed(self, *, resume: bool = False, creations: int = 1) -> None:
        """The run ends well; then everything that has to hold, and its counts."""
        run = self.finish(resume=resume)
        assert run["status"] in GOOD, self.product.log(self.run_id)
        self.check(creations=creations)
        self.product.destroy(self.run_id)

    def check(self, *, creations: int) -> None:
        """So many create calls, one apply for each plan, no lock, a log without gap; prints them."""
        took_s = time.monotonic() - self.began
        created, applied, planned = self.product.creations(self.since), self._said("applying the saved"), self._plans()
        self.check_lock()
        numbers = [event["number"] for event in self.product.events(self.run_id)]
        print(
            f"{self.test}: struck in {self.where or 'no stage'}, {self.status} after {took_s:.1f} s, "
            f"creates {created}, applies {applied}, plans {planned}, claims {self._column('claim')}, locks 0, "
            f"log lines {len(numbers)}"
        )
        assert numbers == list(range(1, len(numbers) + 1))
        assert created == creations, self.product.log(self.run_id)
        assert applied <= planned

    def check_lock(self) -> None:
        locks = self.product.stack.query("SELECT lock_id FROM deployments_statelock WHERE run_id = %s", self.run_id)
        assert locks == []

    def _said(self, words: str) -> int:
        return sum(1 for event in self.product.events(self.run_id) if event["message"].startswith(words))

    def _plans(self) -> int:
        return int(self._column("attempt"))

    def _column(self, name: str) -> Any:
        columns = ("status", "claim", "attempt", "stage_tries")
        select = "SELECT status, claim, attempt, stage_tries FROM deployments_run WHERE id = %s"
        return self.product.stack.query(select, self.run_id)[0][columns.index(name)]
