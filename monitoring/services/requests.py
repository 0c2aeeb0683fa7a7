"""How often endpoints were asked, as far as their costs need it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Requests:
    """``hours`` were watched, in ``idle_hours`` of them nobody asked; ``count`` requests came in all of them."""

    count: int
    hours: int
    idle_hours: int

    @property
    def idle_share(self) -> Decimal | None:
        """From 0 to 1; None where no hour was watched."""
        return Decimal(self.idle_hours) / self.hours if self.hours else None
