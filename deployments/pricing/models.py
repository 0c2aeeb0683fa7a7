"""Price tables: the price of a DBU, and the DBU per hour of each workload type and size."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q

from accounts.models import User


class PriceTableQuerySet(models.QuerySet["PriceTable"]):
    def with_rates(self) -> PriceTableQuerySet:
        """Prefetch everything that an estimate reads. Two queries."""
        return self.select_related("created_by").prefetch_related("rates")

    def in_force(self, on: date) -> PriceTable | None:
        """The table in force on ``on``. If two tables have the same date, the one created later."""
        return self.with_rates().filter(valid_from__lte=on).order_by("-valid_from", "-pk").first()


class PriceTable(models.Model):
    """Prices that are in force from ``valid_from`` until the date of the next table.

    Tables are immutable, because estimates refer to their table. New prices need a new table.
    """

    name = models.CharField(max_length=100)
    currency = models.CharField(max_length=3, default="USD")
    valid_from = models.DateField(db_index=True)
    #: In ``currency``.
    price_per_dbu = models.DecimalField(max_digits=12, decimal_places=6)
    #: Where the figures come from.
    source = models.TextField()
    #: Null for the table that comes with Slipway.
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PriceTableQuerySet.as_manager()

    class Meta:
        ordering = ["-valid_from", "-pk"]
        constraints = [models.CheckConstraint(condition=Q(price_per_dbu__gt=0), name="a_dbu_costs_something")]

    def __str__(self) -> str:
        return f"{self.name}, from {self.valid_from}"

    def rate(self, workload_type: str, workload_size: str) -> Rate | None:
        """The rate of a type and size, or None. No query if the rates are prefetched."""
        wanted = (workload_type, workload_size)
        return next((row for row in self.rates.all() if (row.workload_type, row.workload_size) == wanted), None)


class Rate(models.Model):
    """DBU per hour of one served entity, at the minimum and the maximum concurrency of its size."""

    table = models.ForeignKey(PriceTable, on_delete=models.CASCADE, related_name="rates")
    workload_type = models.CharField(max_length=20)
    workload_size = models.CharField(max_length=10)
    min_concurrency = models.PositiveIntegerField()
    max_concurrency = models.PositiveIntegerField()
    min_dbu_per_hour = models.DecimalField(max_digits=12, decimal_places=4)
    max_dbu_per_hour = models.DecimalField(max_digits=12, decimal_places=4)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["table", "workload_type", "workload_size"], name="one_rate_per_size"),
            models.CheckConstraint(
                condition=Q(min_concurrency__gt=0, max_concurrency__gte=F("min_concurrency")),
                name="a_rate_starts_with_its_fewest_requests",
            ),
            models.CheckConstraint(
                condition=Q(min_dbu_per_hour__gt=0, max_dbu_per_hour__gte=F("min_dbu_per_hour")),
                name="a_rate_starts_with_its_lowest_dbu",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workload_type} {self.workload_size}"
