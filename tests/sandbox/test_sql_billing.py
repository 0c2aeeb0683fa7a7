"""What the portal asks the billing tables, answered by the sandbox's SQL."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from integrations.databricks import Credentials, Workspace
from monitoring.sync.billing import read_totals, read_usage
from tests.sandbox.billing_tables import SKU, add_billing
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 31)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    running = RunningSandbox(tmp_path_factory.mktemp("billing"))
    add_billing(running)
    yield Workspace(running.url, Credentials(token=ADMIN_TOKEN))
    running.stop()


def test_usage_is_read_by_endpoint_and_day_with_its_exact_cost(workspace):
    usages = sorted(read_usage(workspace, FIRST, LAST), key=lambda usage: usage.endpoint_name)
    assert [(usage.endpoint_id, usage.date, usage.quantity, usage.cost) for usage in usages] == [
        ("id-fraud", LAST, Decimal("3.5"), Decimal("0.245")),
        ("id-risk", LAST, Decimal(4), Decimal("0.28")),
    ]
    assert {(usage.kind, usage.sku, usage.unit, usage.currency) for usage in usages} == {("serving", SKU, "DBU", "USD")}


def test_the_totals_are_the_sum_of_the_usage(workspace):
    assert read_totals(workspace, FIRST, LAST) == {"USD": Decimal("0.525")}
    assert read_totals(workspace, FIRST, date(2026, 1, 30)) == {}
