"""Creating price tables."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import transaction

from accounts.models import User
from deployments.pricing.models import PriceTable, Rate
from deployments.pricing.tables import NewPriceTable


def create_price_table(*, prices: NewPriceTable, actor: User) -> PriceTable:
    """Store ``prices`` as a new table. Raises PermissionDenied unless ``actor`` is a platform admin."""
    if not actor.is_platform_admin:
        raise PermissionDenied("Only a platform admin can set prices.")
    with transaction.atomic():
        table = PriceTable.objects.create(**prices.model_dump(exclude={"rates"}), created_by=actor)
        Rate.objects.bulk_create(Rate(table=table, **rate.model_dump()) for rate in prices.rates)
    return table
