"""The import over the Statement Execution API of a running sandbox, with tables in the documented types."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from integrations.databricks.credentials import Credentials
from integrations.databricks.workspace import workspace_for
from monitoring.cost import importing as cost
from monitoring.models import BillingSource, CostDay, CostKind, Reconciliation
from sandbox.config import WORKSPACE_ID
from tests.deployments.conftest import make_deployment
from tests.monitoring.cost.costs import LAUNCH, NOW, SERVING
from tests.sandbox.billing_tables import MONEY, PRICING, TIME
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import ADMIN_TOKEN

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 19)
METADATA = pa.struct([(name, pa.string()) for name in ("endpoint_name", "endpoint_id", "job_name", "run_name")])
SCHEMA = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("workspace_id", "sku_name", "cloud", "usage_unit", "billing_origin_product")
        ),
        ("usage_start_time", TIME),
        ("usage_end_time", TIME),
        ("usage_date", pa.date32()),
        ("custom_tags", pa.map_(pa.string(), pa.string())),
        ("usage_quantity", MONEY),
        ("usage_metadata", METADATA),
    ]
)
PRICES = pa.schema(
    [
        *((name, pa.string()) for name in ("sku_name", "cloud", "currency_code", "usage_unit")),
        ("price_start_time", TIME),
        ("price_end_time", TIME),
        ("pricing", PRICING),
    ]
)


def used(hour, quantity, sku=SERVING, product="MODEL_SERVING", tags=(), **values):
    start = datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(hours=hour)
    metadata = {"endpoint_name": None, "endpoint_id": None, "job_name": None, "run_name": None}
    metadata |= {name: values.pop(name) for name in tuple(metadata) if name in values}
    return {
        "workspace_id": str(WORKSPACE_ID),
        "sku_name": sku,
        "cloud": "AWS",
        "usage_unit": "DBU",
        "billing_origin_product": product,
        "usage_start_time": start,
        "usage_end_time": start + timedelta(hours=1),
        "usage_date": DAY,
        "custom_tags": list(tags),
        "usage_quantity": Decimal(quantity),
        "usage_metadata": metadata,
        **values,
    }


def priced(sku, price, start, end=None):
    money = {"default": Decimal(price)}
    return {
        "sku_name": sku,
        "cloud": "AWS",
        "currency_code": "USD",
        "usage_unit": "DBU",
        "price_start_time": start,
        "price_end_time": end,
        "pricing": {**money, "promotional": money, "effective_list": money},
    }


ENDPOINT = {"endpoint_id": "e1", "endpoint_name": "card-fraud"}
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
USAGE = [
    used(10, "1.333333333333333333", **ENDPOINT),
    used(11, "4", **ENDPOINT),
    # Taken back, and said anew.
    used(11, "-4", **ENDPOINT),
    used(11, "2.000000000000000001", **ENDPOINT),
    # After noon at another price.
    used(13, "3", **ENDPOINT),
    used(9, "1", LAUNCH, **ENDPOINT),
    used(9, "0.5", "JOBS_SERVERLESS", "JOBS", run_name="Slipway: drift of staging.fraud.card_fraud deployment 0"),
    used(9, "9", "JOBS_SERVERLESS", "JOBS", run_name="nightly report"),
    used(9, "7", workspace_id="1", **ENDPOINT),
    used(9, "2", "NO_PRICE_REAL_TIME_INFERENCE", endpoint_id="strange", endpoint_name="by-hand"),
]
START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def running(tables_sandbox):
    prices = [
        priced(SERVING, "0.07", START, NOON),
        priced(SERVING, "0.08", NOON),
        priced(LAUNCH, "0.07", START),
        priced("JOBS_SERVERLESS", "0.35", START),
    ]
    add_table(tables_sandbox, "system.billing.usage", pa.Table.from_pylist(USAGE, schema=SCHEMA))
    add_table(tables_sandbox, "system.billing.list_prices", pa.Table.from_pylist(prices, schema=PRICES))
    return tables_sandbox


def test_what_was_billed_is_imported_to_the_cent(running, model_version, deployer):
    deployment = make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")
    client = workspace_for(running.url, Credentials(token=ADMIN_TOKEN))
    cost.import_costs(deployment.workspace_id, connect=lambda _: client, now=NOW)
    source = BillingSource.objects.get()
    assert (source.error, source.newest_usage) == ("", DAY)
    rows = {(row.kind, row.endpoint_id): row for row in CostDay.objects.all()}
    assert set(rows) == {
        (CostKind.SERVING, "e1"),
        (CostKind.LAUNCH, "e1"),
        (CostKind.MONITORING_JOB, ""),
        (CostKind.SERVING, "strange"),
    }
    exact = Decimal("3.333333333333333334") * Decimal("0.07") + 3 * Decimal("0.08")
    assert abs(rows[CostKind.SERVING, "e1"].cost - exact) < Decimal("0.000000001")
    assert rows[CostKind.SERVING, "e1"].deployment == deployment
    assert rows[CostKind.MONITORING_JOB, ""].deployment == deployment
    assert (rows[CostKind.SERVING, "strange"].cost, rows[CostKind.SERVING, "strange"].quantity) == (None, 2)
    checks = {row.currency: row for row in Reconciliation.objects.filter(month=date(2026, 11, 1))}
    assert checks["USD"].is_equal
    assert round(checks["USD"].source_total, 2) == Decimal("0.72")
    assert (checks[""].source_total, checks[""].is_equal) == (2, True)


def test_who_may_not_read_is_told_the_grants(running, workspace):
    client = workspace_for(running.url, Credentials(token=running.new_user("portal@example.com")))
    cost.import_costs(workspace.pk, connect=lambda _: client, now=NOW)
    source = BillingSource.objects.get()
    assert source.error
    assert "GRANT SELECT ON SCHEMA system.billing TO `portal@example.com`;" in source.grant, source.error
    assert not CostDay.objects.exists()
