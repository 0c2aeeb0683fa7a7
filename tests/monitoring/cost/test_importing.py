"""Importing what was billed: to the cent, however often and however late."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum

from deployments.models import MonthSpend
from integrations.errors import IntegrationError
from monitoring.cost import importing as cost
from monitoring.cost.billing import grants_needed
from monitoring.models import BillingSource, CostDay, Reconciliation
from tests.deployments.conftest import make_deployment
from tests.monitoring.cost.costs import LAUNCH, NOW, Billing, usage

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")


@pytest.fixture
def run(deployment):
    def import_from(source, now=NOW):
        cost.import_costs(deployment.workspace_id, connect=source, now=now)

    return import_from


def kept():
    """Everything but primary keys."""
    fields = ("date", "endpoint_id", "job", "deployment", "kind", "sku", "currency", "quantity", "cost")
    return sorted(CostDay.objects.values_list(*fields), key=str)


def total():
    return CostDay.objects.aggregate(total=Sum("cost"))["total"]


def test_a_day_is_kept_with_its_deployment_and_reconciles_to_the_cent(run, deployment):
    odd = ("0.333333333333333333", "1.000000000000000001", "7.142857142857142857", "-0.333333333333333333")
    source = Billing([usage("2026-11-19", quantity) for quantity in odd])
    run(source)
    row = CostDay.objects.get()
    exact = sum(Decimal(quantity) for quantity in odd) * Decimal("0.07")
    assert (row.deployment, row.currency, row.date) == (deployment, "USD", date(2026, 11, 19))
    assert abs(row.cost - exact) < Decimal("0.000000001")
    check = Reconciliation.objects.get(month=date(2026, 11, 1))
    assert (check.difference, check.is_equal, check.currency) == (Decimal(0), True, "USD")


def test_thousands_of_odd_rows_add_up_without_losing_a_cent(run):
    rows = [
        usage(f"2026-11-{day:02}", "0.012345678912345678", endpoint_id=f"e{number}")
        for day in range(1, 20)
        for number in range(60)
    ]
    run(Billing(rows))
    assert CostDay.objects.count() == len(rows)
    exact = len(rows) * Decimal("0.012345678912345678") * Decimal("0.07")
    assert total().quantize(Decimal("0.0001")) == exact.quantize(Decimal("0.0001"))
    assert Reconciliation.objects.get(month=date(2026, 11, 1)).difference == 0


def test_an_import_that_runs_again_changes_no_number(run):
    source = Billing([usage("2026-11-19", "1.5"), usage("2026-11-18", "2"), usage("2026-11-19", "1", sku=LAUNCH)])
    run(source)
    before = kept()
    run(source)
    run(source, NOW + timedelta(hours=1))
    assert kept() == before
    assert len(before) == 3


def test_an_import_that_dies_midway_leaves_what_was_there(run, monkeypatch):
    run(Billing([usage("2026-11-19", "1.5")]))
    before = kept()

    def die(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cost, "_attribute_older", die)
    with pytest.raises(KeyboardInterrupt):
        run(Billing([usage("2026-11-19", "900")]), NOW + timedelta(hours=1))
    assert kept() == before


def test_a_retraction_and_its_restatement_count_anew(run):
    source = Billing([usage("2026-11-19", "10")])
    run(source)
    assert total() == Decimal("0.7")
    source.rows += [usage("2026-11-19", "-10"), usage("2026-11-19", "4")]
    run(source, NOW + timedelta(hours=1))
    assert total() == Decimal("0.28")


def test_a_day_that_the_source_takes_back_wholly_goes(run):
    source = Billing([usage("2026-11-19", "10"), usage("2026-11-18", "1")])
    run(source)
    del source.rows[0]
    run(source, NOW + timedelta(hours=1))
    assert [row.date for row in CostDay.objects.all()] == [date(2026, 11, 18)]


def test_rows_that_come_late_are_counted_and_one_from_long_ago_has_the_month_read_again(run):
    source = Billing([usage("2026-11-19", "10")])
    run(source)
    source.rows.append(usage("2026-11-18", "5"))
    source.asked.clear()
    run(source, NOW + timedelta(hours=1))
    assert source.asked[0] == ("2026-11-17", "2026-11-20")
    assert total() == Decimal("1.05")
    source.rows.append(usage("2026-11-02", "100"))
    run(source, NOW + timedelta(hours=2))
    assert total() == Decimal("8.05")
    assert Reconciliation.objects.get(month=date(2026, 11, 1)).is_equal


def test_one_currency_that_differs_has_the_month_read_again(run):
    source = Billing([usage("2026-11-19", "10"), usage("2026-11-19", "10", currency="EUR", price="0.08")])
    run(source)
    source.rows.append(usage("2026-11-02", "100"))
    run(source, NOW + timedelta(hours=1))
    assert CostDay.objects.filter(currency="USD").aggregate(total=Sum("cost"))["total"] == Decimal("7.7")
    assert all(check.is_equal for check in Reconciliation.objects.all())


def test_an_older_answer_never_replaces_a_newer_one(run):
    run(Billing([usage("2026-11-19", "10")]), NOW + timedelta(minutes=5))
    run(Billing([usage("2026-11-19", "3")]), NOW)
    assert total() == Decimal("0.7")


def test_usage_without_a_price_is_kept_with_its_unit_and_never_as_nothing(run):
    run(Billing([usage("2026-11-19", "10", currency="", price=None, unit="GB"), usage("2026-11-19", "1")]))
    row = CostDay.objects.get(cost=None)
    assert (row.unit, row.quantity, row.currency) == ("GB", 10, "")
    assert Reconciliation.objects.get(currency="").source_total == 10


def test_currencies_stay_apart(run):
    run(Billing([usage("2026-11-19", "10"), usage("2026-11-19", "10", currency="EUR", price="0.08")]))
    totals = {row.currency: row.our_total for row in Reconciliation.objects.filter(month=date(2026, 11, 1))}
    assert totals == {"USD": Decimal("0.7"), "EUR": Decimal("0.8")}


def test_two_prices_on_one_day_make_one_row(run):
    run(Billing([usage("2026-11-19", "10"), usage("2026-11-19", "10", price="0.08")]))
    assert CostDay.objects.get().cost == Decimal("1.5")


def test_what_belongs_to_nobody_is_kept(run):
    run(Billing([usage("2026-11-19", "10", endpoint_id="strange")]))
    assert CostDay.objects.unattributed().count() == 1


def test_the_endpoint_of_a_deployment_that_was_destroyed_stays_its_own(run, deployment):
    source = Billing([usage("2026-11-18", "10")])
    run(source)
    type(deployment).objects.update(endpoint_id="", destroyed_at=NOW)
    source.rows.append(usage("2026-11-19", "1"))
    run(source, NOW + timedelta(hours=1))
    assert not CostDay.objects.unattributed().exists()


def test_the_tag_names_the_deployment_where_the_endpoint_is_not_known(run, deployment):
    run(Billing([usage("2026-11-18", "10", endpoint_id="old", tag=str(deployment.pk))]))
    assert CostDay.objects.get().deployment == deployment
    run(Billing([usage("2026-11-18", "10", endpoint_id="other", tag="999999")]), NOW + timedelta(hours=1))
    assert CostDay.objects.get().deployment is None


def test_days_from_before_an_adoption_are_given_to_the_deployment(run, deployment):
    source = Billing([usage("2026-11-02", "10", endpoint_id="adopted")])
    run(source)
    assert CostDay.objects.unattributed().count() == 1
    type(deployment).objects.update(endpoint_id="adopted")
    run(source, NOW + timedelta(hours=1))
    assert CostDay.objects.get().deployment == deployment


@pytest.mark.parametrize(
    ("job", "known"),
    [
        ("Slipway: validate staging.fraud.card_fraud version 3", True),
        ("Slipway: drift of deployment {pk}", True),
        ("Slipway: drift of deployment 999999", False),
        ("Slipway: validate staging.fraud.other version 3", False),
    ],
)
def test_a_job_belongs_to_whom_its_name_says(run, deployment, job, known):
    row = usage("2026-11-19", "1", endpoint_id="", job=job.format(pk=deployment.pk), kind="monitoring_job", sku="JOBS")
    run(Billing([row]))
    assert CostDay.objects.get().deployment == (deployment if known else None)


def test_policies_are_told_what_a_team_spent_this_month(run, deployment):
    source = Billing([usage("2026-10-30", "999"), usage("2026-11-02", "100"), usage("2026-11-19", "7.5")])
    run(source)
    row = MonthSpend.objects.get()
    assert (row.team, row.environment, row.month) == (deployment.team, deployment.environment, date(2026, 11, 1))
    assert (row.amount, row.currency, row.until) == (Decimal("7.525"), "USD", date(2026, 11, 19))
    source.rows.clear()
    run(source, NOW + timedelta(hours=12))
    assert not MonthSpend.objects.exists()


def test_without_access_the_rows_stay_and_the_grants_are_told(run, deployment):
    run(Billing([usage("2026-11-19", "10")]))
    refusal = IntegrationError(
        "no SELECT on system.billing.usage", permanent=True, source="databricks", code="INSUFFICIENT_PERMISSIONS"
    )
    run(Billing(refusal=refusal), NOW + timedelta(hours=1))
    source = BillingSource.objects.get()
    assert source.error == "no SELECT on system.billing.usage"
    assert source.grant.splitlines() == grants_needed("portal@example.com")
    assert "GRANT SELECT ON SCHEMA system.billing TO `portal@example.com`;" in source.grant
    assert total() == Decimal("0.7")
    run(Billing([]), NOW + timedelta(hours=2))
    source.refresh_from_db()
    assert (source.error, source.grant) == ("", "")


def test_a_workspace_that_does_not_answer_needs_no_grant(run):
    run(Billing(refusal=IntegrationError("no answer", permanent=False, source="databricks")))
    source = BillingSource.objects.get()
    assert (source.error, source.grant, source.read_at) == ("no answer", "", None)


def test_the_month_is_read_once_a_day_and_the_last_days_else(run):
    source = Billing([])
    run(source)
    assert source.asked[0] == ("2026-10-01", "2026-11-20")
    source.asked.clear()
    run(source, NOW + timedelta(hours=1))
    assert source.asked[0] == ("2026-11-17", "2026-11-20")
    source.asked.clear()
    run(source, NOW + timedelta(hours=12))
    assert source.asked[0] == ("2026-11-01", "2026-11-21")


def test_in_the_first_week_the_month_before_is_read_too(run):
    source = Billing([])
    run(source, datetime(2026, 11, 30, 12, tzinfo=UTC))
    source.asked.clear()
    run(source, datetime(2026, 12, 3, 12, tzinfo=UTC))
    assert source.asked[0] == ("2026-11-01", "2026-12-03")


def test_days_are_utc_wherever_the_clock_stands(run):
    source = Billing([])
    evening = datetime.fromisoformat("2026-11-30T20:00:00-08:00")
    run(source, evening)
    assert source.asked[0][1] == "2026-12-01"
