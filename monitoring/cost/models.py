"""What endpoints and jobs really cost, day by day, as the workspace's billing tables say it."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

from accounts.models import Team, User
from catalog.models import Workspace
from deployments.models import Deployment

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

BILLION = 10**9
# What a usage row says of its endpoint and of its price is kept word for word.
NAME_CHARS = 255


class ExactField(models.Field):  # type: ignore[type-arg]
    """A Decimal, kept as whole billionths: SQLite keeps decimals as floats, and sums of those lose cents.

    The database adds them up exactly; ``Sum`` over it is a Decimal again. Up to 9.2 billion.
    """

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        return int((Decimal(value) * BILLION).to_integral_value(ROUND_HALF_EVEN))

    def from_db_value(self, value: Any, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-9)

    def to_python(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class CostKind(models.TextChoices):
    """What was paid for. A launch is a start after scaling to zero, which has a SKU of its own."""

    SERVING = "serving", "Serving"
    LAUNCH = "launch", "Cold starts"
    MONITORING_JOB = "monitoring_job", "Jobs"
    OTHER = "other", "Other"


class CostDayQuerySet(models.QuerySet["CostDay"]):
    def visible_to(self, user: User | AnonymousUser) -> CostDayQuerySet:
        """Rows of deployments of the teams ``user`` is in; all, and what belongs to nobody, for platform admins."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(deployment__team__in=Team.objects.visible_to(user))

    def between(self, first: date, last: date) -> CostDayQuerySet:
        """Both days included; days are UTC."""
        return self.filter(date__gte=first, date__lte=last)

    def unattributed(self) -> CostDayQuerySet:
        return self.filter(deployment=None)


class CostDay(models.Model):
    """What one endpoint, or one job, cost on one UTC day under one SKU at one price.

    ``quantity`` is in ``unit`` ("DBU"). ``cost`` is in ``currency`` and null where the workspace has no price for it,
    which is never the same as 0; then ``currency`` is empty. An import replaces all rows of its days.
    ``endpoint_id`` is empty for jobs, ``job`` for endpoints.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    date = models.DateField()
    endpoint_id = models.CharField(max_length=NAME_CHARS, blank=True)
    endpoint_name = models.CharField(max_length=NAME_CHARS, blank=True)
    job = models.CharField(max_length=NAME_CHARS, blank=True)
    deployment = models.ForeignKey(
        Deployment, on_delete=models.SET_NULL, null=True, blank=True, related_name="cost_days"
    )
    kind = models.CharField(max_length=20, choices=CostKind)
    sku = models.CharField(max_length=NAME_CHARS)
    unit = models.CharField(max_length=40)
    currency = models.CharField(max_length=3, blank=True)
    quantity = ExactField()
    cost = ExactField(null=True)

    objects = CostDayQuerySet.as_manager()

    class Meta:
        ordering = ["-date", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "date", "endpoint_id", "job", "kind", "sku", "unit", "currency"],
                name="one_cost_per_day_and_sku",
            ),
            models.CheckConstraint(
                condition=Q(cost=None, currency="") | (Q(cost__isnull=False) & ~Q(currency="")),
                name="a_cost_has_a_currency",
            ),
        ]
        indexes = [models.Index(fields=["deployment", "date"]), models.Index(fields=["date"])]

    def __str__(self) -> str:
        return f"{self.date} {self.endpoint_name or self.job} {self.sku}"


class BillingSource(models.Model):
    """How far the billing tables of a workspace were read.

    ``newest_usage`` is the last day that has usage. ``error`` is in words, "" after an import that worked; the rows
    before it stay, and ``grant`` has the statements that would mend it. ``read_at`` is when the source was asked for
    what is kept: an answer to an older question is dropped. ``month_read_at`` is when the whole month was read.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="billing_source")
    tried_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    month_read_at = models.DateTimeField(null=True, blank=True)
    newest_usage = models.DateField(null=True, blank=True)
    error = models.TextField(blank=True)
    grant = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"billing of {self.workspace}"


class Reconciliation(models.Model):
    """The source's total of a month beside ours, per currency; "" stands for what has no price, counted in units."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="reconciliations")
    month = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    source_total = ExactField()
    our_total = ExactField()
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ["-month", "workspace", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "month", "currency"], name="one_reconciliation_per_month")
        ]

    def __str__(self) -> str:
        return f"{self.workspace} {self.month:%Y-%m}"

    @property
    def difference(self) -> Decimal:
        """Source less ours, in cents."""
        return Decimal(self.source_total - self.our_total).quantize(Decimal("0.01"))

    @property
    def is_equal(self) -> bool:
        return self.difference == 0
