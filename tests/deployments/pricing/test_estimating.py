"""Estimates against figures that were reckoned by hand, from the published formula and nothing of the code."""

from __future__ import annotations

import importlib
from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from deployments.deployment.specs import DeploymentSpec, parse_spec
from deployments.models import PriceTable, Rate
from deployments.pricing.estimating import Served, estimate
from deployments.pricing.quoting import live_served, quote, quote_destroy
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_run
from tests.deployments.pricing.price_tables import make_prices, only_prices

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

SHIPPED = importlib.import_module("deployments.migrations.0007_shipped_prices")
V2_SMALL = Served("2", "CPU", "Small", scale_to_zero=False)


@pytest.fixture
def table() -> PriceTable:
    made = only_prices()
    return PriceTable.objects.with_rates().get(pk=made.pk)


def spec_of(strategy: str = "all_at_once", steps: list[int] | None = None, **compute: object) -> DeploymentSpec:
    return parse_spec(
        {
            "model": "staging.fraud.card_fraud",
            "version": "3",
            "environment": "staging",
            "name": "card-fraud",
            "compute": {"scale_to_zero": False, **compute},
            "rollout": {"strategy": strategy, "steps": steps or [100], "bake_minutes": 30},
        }
    )


def money(low: str, high: str) -> tuple[Decimal, Decimal]:
    return Decimal(low), Decimal(high)


# -- the formula -----------------------------------------------------------------------------------


def test_an_endpoint_that_is_always_on_costs_its_fewest_to_its_most_requests_for_730_hours(table):
    # 8 DBU/h x 0.07 x 730 h = 408.80; 16 DBU/h x 0.07 x 730 h = 817.60
    told = estimate(spec_of(workload_size="Medium"), table=table)
    assert (told.low, told.high) == money("408.80", "817.60")
    assert told.text == "408.80\N{EN DASH}817.60 USD"
    assert (told.table_id, told.valid_from) == (table.pk, date(2020, 1, 1))


def test_a_size_of_one_concurrency_that_is_always_on_has_one_price(table):
    # 4 DBU/h x 0.07 x 730 h = 204.40
    told = estimate(spec_of(), table=table)
    assert (told.low, told.high) == money("204.40", "204.40")
    assert told.text == "204.40 USD"


def test_with_scale_to_zero_the_low_price_has_only_the_hours_that_it_is_used(table):
    # 8 h x 22 d = 176 h; 4 x 0.07 x 176 = 49.28. The high price stays that of all hours.
    told = estimate(spec_of(scale_to_zero=True), table=table)
    assert (told.low, told.high) == money("49.28", "204.40")
    assert any("8 hours a day on 22 days" in text for text in told.assumptions)


@pytest.mark.parametrize(("hours", "low"), [("2", "12.32"), ("24", "147.84"), ("0.5", "3.08")])
def test_the_hours_of_use_are_an_assumption_that_can_be_changed(table, hours, low):
    # 4 x 0.07 x 22 x hours: 6.16 for each hour a day
    told = estimate(spec_of(scale_to_zero=True), table=table, hours_used_per_day=Decimal(hours))
    assert (told.low, told.high) == money(low, "204.40")


def test_hours_of_use_change_nothing_for_what_never_scales_to_zero(table):
    few, many = (estimate(spec_of(), table=table, hours_used_per_day=Decimal(hours)) for hours in (1, 24))
    assert few.low == many.low == Decimal("204.40")


@pytest.mark.parametrize("hours", ["0", "-1", "24.01"])
def test_a_day_has_more_than_no_and_at_most_24_hours(table, hours):
    with pytest.raises(ValueError, match="at most 24"):
        estimate(spec_of(), table=table, hours_used_per_day=Decimal(hours))


def test_lines_are_rounded_half_up_to_cents_and_add_up(table):
    # 10.48 x 0.0713 x 730 = 545.47352 -> 545.47; with scale to zero 10.48 x 0.0713 x 176 = 131.511424 -> 131.51
    table.price_per_dbu = Decimal("0.0713")
    told = estimate(spec_of(workload_type="GPU_SMALL", scale_to_zero=True), table=table)
    assert (told.low, told.high) == money("131.51", "545.47")
    table.price_per_dbu = Decimal("0.003125")
    told = estimate(spec_of(scale_to_zero=True), table=table, hours_used_per_day=Decimal("0.2"))
    # 4 x 0.003125 x 4.4 h = 0.055, which is half a cent above 0.05
    assert told.low == Decimal("0.06")


def test_the_currency_is_that_of_the_table(table):
    table.currency = "EUR"
    assert estimate(spec_of(), table=table).text == "204.40 EUR"


# -- what is not known -----------------------------------------------------------------------------


def test_a_size_without_a_rate_has_no_price_and_is_named(table):
    told = estimate(spec_of(workload_type="GPU_LARGE"), table=table)
    assert (told.low, told.high, told.text) == (None, None, "")
    assert "GPU_LARGE Small" in told.problem
    assert "DBU per hour" in told.problem


def test_without_a_table_there_is_no_price():
    told = estimate(spec_of(), table=None)
    assert (told.low, told.high) == (None, None)
    assert "no price table" in told.problem


def test_one_part_without_a_rate_leaves_no_total(table):
    old = Served("2", "GPU_LARGE", "Small", scale_to_zero=False)
    told = estimate(spec_of("blue_green"), table=table, beside=[old])
    assert [line.low for line in told.lines] == [Decimal("204.40"), None]
    assert (told.low, told.high) == (None, None)
    assert "GPU_LARGE Small" in told.problem


# -- a rollout keeps the old version for a while -----------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "steps", "once"),
    [
        # 30 minutes a step: 4 steps are 2 h; 4 DBU/h x 0.07 x 2 h = 0.56. The others bake once: 0.5 h, 0.14.
        ("canary", [5, 25, 50, 100], "0.56"),
        ("blue_green", [100], "0.14"),
        ("shadow", [100], "0.14"),
    ],
)
def test_a_gradual_rollout_adds_the_old_version_as_a_line(table, strategy, steps, once):
    told = estimate(spec_of(strategy, steps), table=table, beside=[V2_SMALL])
    monthly, rollout = told.lines
    assert (monthly.low, rollout.low, rollout.high) == (Decimal("204.40"), Decimal(once), Decimal(once))
    assert "Version 2" in rollout.label
    assert told.high == Decimal("204.40") + Decimal(once)


def test_all_at_once_and_a_first_deployment_and_the_same_version_add_no_line(table):
    assert len(estimate(spec_of("all_at_once"), table=table, beside=[V2_SMALL]).lines) == 1
    assert len(estimate(spec_of("canary"), table=table).lines) == 1
    same = Served("3", "CPU", "Medium", scale_to_zero=False)
    assert len(estimate(spec_of("canary"), table=table, beside=[same]).lines) == 1


# -- against what is live --------------------------------------------------------------------------


def test_a_larger_size_is_told_against_what_the_last_run_intended(table, deployment):
    deployment.intended = {
        "served_entities": [
            {
                "entity_version": "3",
                "workload_type": "CPU",
                "workload_size": "Small",
                "scale_to_zero_enabled": False,
            }
        ]
    }
    told = quote(spec_of(workload_size="Medium"), table=table, deployment=deployment)
    # 408.80 - 204.40 and 817.60 - 204.40
    assert told.difference == money("204.40", "613.20")
    assert told.sentence == "about 408.80\N{EN DASH}817.60 USD a month, +204.40 to +613.20 compared with now"


def test_without_an_intention_the_last_good_run_says_what_is_live(table, deployment):
    make_run(deployment, RunStatus.FAILED)
    deployment.spec = spec_of(workload_size="Medium").as_json()
    make_run(deployment, RunStatus.SUCCEEDED)
    deployment.spec = spec_of().as_json()
    make_run(deployment, RunStatus.FAILED)
    assert list(live_served(deployment)) == [Served("3", "CPU", "Medium", scale_to_zero=False)]
    told = quote(spec_of(), table=table, deployment=deployment)
    assert told.difference == money("-204.40", "-613.20")
    assert "\N{MINUS SIGN}204.40 to \N{MINUS SIGN}613.20 compared with now" in told.sentence


def test_the_same_again_costs_the_same(table, deployment):
    deployment.spec = spec_of().as_json()
    make_run(deployment, RunStatus.SUCCEEDED)
    assert quote(spec_of(), table=table, deployment=deployment).difference_text == "the same as now"


def test_the_first_deployment_costs_all_of_it_more(table, deployment):
    told = quote(spec_of(), table=table, deployment=deployment)
    assert told.sentence == "about 204.40 USD a month, +204.40 compared with now"


def test_a_spec_by_itself_is_compared_with_nothing(table):
    told = quote(spec_of(), table=table)
    assert (told.difference, told.sentence) == (None, "about 204.40 USD a month")
    assert told.as_json()["difference"] is None


def test_what_is_live_at_an_unknown_price_gives_no_difference(table, deployment):
    deployment.intended = {"served_entities": [{"entity_version": "2", "workload_size": "Huge"}]}
    told = quote(spec_of(), table=table, deployment=deployment)
    assert told.difference is None
    assert told.sentence == "about 204.40 USD a month, the current price is unknown"


def test_destroying_saves_what_is_live(table, deployment):
    deployment.spec = spec_of().as_json()
    make_run(deployment, RunStatus.SUCCEEDED)
    told = quote_destroy(deployment, table=table)
    assert (told.estimate.low, told.estimate.high) == money("0", "0")
    assert told.sentence == "no further cost, \N{MINUS SIGN}204.40 compared with now"


def test_nothing_is_live_of_what_was_destroyed(deployment):
    deployment.destroyed_at = deployment.created_at
    deployment.intended = {"served_entities": [{"entity_version": "2", "workload_size": "Small"}]}
    assert list(live_served(deployment)) == []


def test_what_is_kept_of_a_quote_is_json_with_money_as_text(table, deployment):
    kept = quote(spec_of(scale_to_zero=True), table=table, deployment=deployment).as_json()
    assert (kept["low"], kept["high"], kept["currency"]) == ("49.28", "204.40", "USD")
    assert kept["difference"] == {"low": "49.28", "high": "204.40"}
    assert kept["table"] == {"id": table.pk, "name": "Test prices", "valid_from": "2020-01-01"}
    assert (kept["hours_per_month"], kept["assumed_hours_per_day"]) == (730, 8.0)


def test_an_estimate_asks_the_database_nothing(table):
    with CaptureQueriesContext(connection) as asked:
        estimate(spec_of("canary"), table=table, beside=[V2_SMALL])
    assert len(asked) == 0


# -- tables ----------------------------------------------------------------------------------------


def test_the_newest_table_that_is_valid_on_a_day_is_in_force():
    old = only_prices(valid_from=date(2026, 1, 1))
    new = make_prices(valid_from=date(2026, 7, 1))
    make_prices(valid_from=date(2027, 1, 1))
    assert PriceTable.objects.in_force(date(2025, 12, 31)) is None
    assert PriceTable.objects.in_force(date(2026, 6, 30)) == old
    assert PriceTable.objects.in_force(date(2026, 7, 1)) == new
    corrected = make_prices(valid_from=date(2026, 7, 1))
    assert PriceTable.objects.in_force(date(2026, 12, 31)) == corrected


def test_a_table_holds_no_price_and_no_rate_of_zero(table):
    for change in ({"min_dbu_per_hour": 0}, {"max_dbu_per_hour": 1}, {"max_concurrency": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Rate.objects.filter(table=table).update(**change)


def test_the_shipped_rates_are_those_of_the_list():
    rates = {(kind, size): (low, high) for kind, size, _, _, low, high in SHIPPED.rates()}
    assert rates["CPU", "Small"] == (4, 4)
    assert rates["CPU", "Medium"] == (8, 16)
    assert rates["CPU", "Large"] == (16, 64)
    assert rates["GPU_SMALL", "Small"] == (Decimal("10.48"), Decimal("10.48"))
    assert rates["GPU_MEDIUM", "Medium"] == (40, 80)
    assert rates["MULTIGPU_MEDIUM", "Large"] == (448, 1792)
    assert not [kind for kind, _ in rates if kind == "GPU_LARGE"]
    assert SHIPPED.TABLE["price_per_dbu"] == Decimal("0.07")
    assert "check your contract" in SHIPPED.TABLE["source"]


def test_the_shipped_table_is_made_once():
    PriceTable.objects.all().delete()
    SHIPPED.ship(apps, None)
    SHIPPED.ship(apps, None)
    (table,) = PriceTable.objects.with_rates()
    # Small CPU, always on: 0.28 USD an hour, about 204 USD a month.
    assert estimate(spec_of(), table=table).high == Decimal("204.40")
