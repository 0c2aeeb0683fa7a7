"""Daily costs of endpoints and jobs, imported from the billing tables of workspaces."""

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
#: Long enough for names in billing tables, which are stored unchanged.
NAME_CHARS = 255


class ExactField(models.Field):  # type: ignore[type-arg]
    """A Decimal, stored as an integer of billionths: SQLite stores decimals as floats, whose sums lose cents.

    The database adds them up exactly, and ``Sum`` returns a Decimal. The maximum is 9.2 billion.
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
    """What a cost is for. A launch is a start after scaling to zero, which has its own SKU."""

    SERVING = "serving", "Serving"
    LAUNCH = "launch", "Cold starts"
    MONITORING_JOB = "monitoring_job", "Jobs"
    OTHER = "other", "Other"


class CostDayQuerySet(models.QuerySet["CostDay"]):
    def visible_to(self, user: User | AnonymousUser) -> CostDayQuerySet:
        """Costs of the user's teams, or all including unattributed ones for a platform admin."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(deployment__team__in=Team.objects.visible_to(user))

    def between(self, first: date, last: date) -> CostDayQuerySet:
        """Costs from ``first`` to ``last``, both inclusive, in UTC."""
        return self.filter(date__gte=first, date__lte=last)

    def unattributed(self) -> CostDayQuerySet:
        return self.filter(deployment=None)


class CostDay(models.Model):
    """The cost of one endpoint or job on one UTC day for one SKU. An import replaces all rows of its days."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    date = models.DateField()
    #: "" for jobs.
    endpoint_id = models.CharField(max_length=NAME_CHARS, blank=True)
    endpoint_name = models.CharField(max_length=NAME_CHARS, blank=True)
    #: The name of the job; "" for endpoints.
    job = models.CharField(max_length=NAME_CHARS, blank=True)
    deployment = models.ForeignKey(
        Deployment, on_delete=models.SET_NULL, null=True, blank=True, related_name="cost_days"
    )
    kind = models.CharField(max_length=20, choices=CostKind)
    sku = models.CharField(max_length=NAME_CHARS)
    #: The unit of ``quantity``, such as DBU.
    unit = models.CharField(max_length=40)
    #: "" if there is no price.
    currency = models.CharField(max_length=3, blank=True)
    quantity = ExactField()
    #: In ``currency``; null, not 0, if the workspace has no price for the SKU.
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
    """The state of the import from a workspace's billing tables."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="billing_source")
    tried_at = models.DateTimeField(null=True, blank=True)
    #: When the stored result was queried. Results of older queries are dropped.
    read_at = models.DateTimeField(null=True, blank=True)
    #: When the whole month was last read.
    month_read_at = models.DateTimeField(null=True, blank=True)
    #: The last day with usage.
    newest_usage = models.DateField(null=True, blank=True)
    #: Why the last import failed; "" if it succeeded. Rows that were imported before are kept.
    error = models.TextField(blank=True)
    #: The GRANT statements that fix the error, or "".
    grant = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"billing of {self.workspace}"


class Reconciliation(models.Model):
    """The monthly totals of the source and of the portal per currency. Currency "" has quantities without a price."""

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
        """``source_total`` minus ``our_total``, rounded to cents."""
        return Decimal(self.source_total - self.our_total).quantize(Decimal("0.01"))

    @property
    def is_equal(self) -> bool:
        return self.difference == 0
