"""The price table that Slipway comes with, so that the first deployment has an estimate.

Price of a DBU: system.billing.list_prices, Serverless Real-Time Inference, AWS us-east-1, samples of 2025 and 2026.
DBU per hour: the rates that databrickslabs' lakemeter lists (2026). CPU takes one DBU an hour for each concurrent
request; a GPU figure is that of one instance, which serves 4 concurrent requests. GPU_LARGE is only on Azure, for
which there is no list price with a date: it has no rate here rather than a wrong one.
"""

from datetime import date
from decimal import Decimal

from django.db import migrations

TABLE = {
    "name": "AWS us-east-1 list prices",
    "currency": "USD",
    "valid_from": date(2025, 1, 1),
    "price_per_dbu": Decimal("0.07"),
    "source": "List prices as of April 2026, check your contract. Serverless Real-Time Inference in AWS us-east-1; "
    "other regions cost more, and Azure has other prices and sizes.",
}
PER_INSTANCE = {"GPU_SMALL": Decimal("10.48"), "GPU_MEDIUM": Decimal("20"), "MULTIGPU_MEDIUM": Decimal("112")}
REQUESTS_PER_INSTANCE = 4
CONCURRENCY = {"Small": (4, 4), "Medium": (8, 16), "Large": (16, 64)}


def rates():
    """(workload type, workload size, fewest and most concurrent requests, DBU per hour at each)."""
    per_request = {"CPU": Decimal(1)}
    per_request |= {name: dbu / REQUESTS_PER_INSTANCE for name, dbu in PER_INSTANCE.items()}
    for workload_type, dbu in per_request.items():
        for workload_size, (fewest, most) in CONCURRENCY.items():
            yield workload_type, workload_size, fewest, most, fewest * dbu, most * dbu


def ship(apps, schema_editor):
    PriceTable = apps.get_model("deployments", "PriceTable")
    Rate = apps.get_model("deployments", "Rate")
    if PriceTable.objects.exists():
        return
    table = PriceTable.objects.create(**TABLE)
    for workload_type, workload_size, fewest, most, low, high in rates():
        Rate.objects.create(
            table=table,
            workload_type=workload_type,
            workload_size=workload_size,
            min_concurrency=fewest,
            max_concurrency=most,
            min_dbu_per_hour=low,
            max_dbu_per_hour=high,
        )


class Migration(migrations.Migration):
    dependencies = [("deployments", "0006_price_tables")]

    # Backwards the tables go, and what is in them with them.
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
