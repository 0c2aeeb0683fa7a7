"""Creating price tables."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from accounts.teams.permissions import require_platform_admin
from deployments.pricing.models import PriceTable, Rate
from deployments.pricing.tables import NewPriceTable

SET_PRICES = "set prices"


def create_price_table(*, prices: NewPriceTable, actor: User) -> PriceTable:
    """Store ``prices`` as a new table. Raises PermissionDenied unless ``actor`` is a platform admin."""
    require_platform_admin(actor, SET_PRICES)
    with transaction.atomic():
        table = PriceTable.objects.create(**prices.model_dump(exclude={"rates"}), created_by=actor)
        Rate.objects.bulk_create(Rate(table=table, **rate.model_dump()) for rate in prices.rates)
    return table
