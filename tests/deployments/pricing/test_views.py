"""Pages of the price tables, and the price on the review page."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from auditlog.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from deployments.models import PriceTable, Run
from deployments.stages import cost
from tests.deployments.page_text import page_of, queries
from tests.deployments.pricing.price_tables import make_prices, only_prices
from tests.deployments.wizard.answering import step_url

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PRICES = reverse("deployments:prices")
NEW = reverse("deployments:prices_new")


def new_table(**changes):
    """What the form of a copied table sends, with ``changes``; None leaves a field out."""
    given = {
        "name": "Contract 2027",
        "currency": "USD",
        "valid_from": "2027-01-01",
        "price_per_dbu": "0.06",
        "source": "Contract, page 7.",
        "cpu_small_min_concurrency": "4",
        "cpu_small_max_concurrency": "4",
        "cpu_small_min_dbu_per_hour": "4",
        "cpu_small_max_dbu_per_hour": "4",
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


# -- reading ---------------------------------------------------------------------------------------


def test_the_page_shows_the_table_in_force_and_the_history(client, viewer):
    only_prices(name="Old prices")
    make_prices(name="Prices of today", valid_from=timezone.localdate())
    make_prices(name="Prices to come", valid_from=date(2099, 1, 1))
    client.force_login(viewer)
    answer = client.get(PRICES)
    assert answer.context["table"].name == "Prices of today"
    assert [(row.table.name, row.state) for row in answer.context["history"]] == [
        ("Prices to come", "Scheduled"),
        ("Prices of today", "In force"),
        ("Old prices", "Replaced"),
    ]
    page = answer.content.decode()
    # CPU Small: 4 DBU an hour at 0.07
    assert "0.28 USD" in page
    assert "New price table" not in page


def test_an_older_table_stays_to_be_read(client, viewer):
    old = only_prices(name="Old prices")
    make_prices(valid_from=timezone.localdate())
    client.force_login(viewer)
    page = page_of(client, reverse("deployments:price_table", args=[old.pk]))
    assert "Old prices" in page
    assert "Not in force" in page
    page_of(client, reverse("deployments:price_table", args=[old.pk + 99]), 404)


def test_the_page_says_when_no_table_is_valid_or_there_is_none(client, viewer, admin):
    only_prices(valid_from=date(2099, 1, 1))
    client.force_login(viewer)
    assert "No price table is valid today" in page_of(client, PRICES)
    PriceTable.objects.all().delete()
    assert "until a platform admin creates a price table" in page_of(client, PRICES)
    client.force_login(admin)
    assert NEW in page_of(client, PRICES)


def test_a_longer_history_costs_no_more_queries(client, viewer):
    only_prices()
    client.force_login(viewer)
    one = queries(client, PRICES)
    for _ in range(20):
        make_prices()
    assert queries(client, PRICES) == one


def test_prices_are_in_the_navigation_and_need_a_sign_in(client, viewer):
    assert client.get(PRICES).status_code == 302
    client.force_login(viewer)
    assert f'href="{PRICES}"' in page_of(client, reverse("home"))


# -- a new table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["viewer", "deployer", "owner"])
def test_only_a_platform_admin_makes_a_table(request, client, who):
    client.force_login(request.getfixturevalue(who))
    before = PriceTable.objects.count()
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, new_table()).status_code == 403
    assert PriceTable.objects.count() == before


def test_a_new_table_starts_as_a_copy_of_the_newest(client, admin):
    only_prices()
    make_prices(name="Newest", valid_from=date(2099, 1, 1), source="Of the newest.")
    client.force_login(admin)
    form = client.get(NEW).context["form"]
    assert (form["name"].value(), form["price_per_dbu"].value()) == ("Newest", "0.07")
    assert form["gpu_small_small_min_dbu_per_hour"].value() == "10.48"
    assert form["gpu_large_small_min_dbu_per_hour"].value() is None
    assert form["valid_from"].value() == timezone.localdate().isoformat()


def test_a_copy_that_is_sent_back_is_the_same_table_again(client, admin):
    first = only_prices()
    client.force_login(admin)
    form = client.get(NEW).context["form"]
    answer = client.post(NEW, {bound.name: bound.value() or "" for bound in form})
    made = PriceTable.objects.exclude(pk=first.pk).get()
    assert answer.headers["Location"] == reverse("deployments:price_table", args=[made.pk])
    rates = [
        list(table.rates.values_list("workload_type", "workload_size", "min_dbu_per_hour", "max_dbu_per_hour"))
        for table in (first, made)
    ]
    assert rates[0] == rates[1]
    assert (made.price_per_dbu, made.created_by) == (first.price_per_dbu, admin)


def test_a_table_is_made_with_the_rates_that_were_filled_in_and_the_trail_tells(client, admin):
    client.force_login(admin)
    client.post(NEW, new_table())
    made = PriceTable.objects.get(name="Contract 2027")
    assert [str(rate) for rate in made.rates.all()] == ["CPU Small"]
    assert LogEntry.objects.get_for_object(made).get().actor == admin


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"valid_from": "soon"}, {"valid_from"}),
        ({"price_per_dbu": "0"}, {"price_per_dbu"}),
        ({"price_per_dbu": "cheap", "source": ""}, {"price_per_dbu", "source"}),
        ({"cpu_small_max_concurrency": "3"}, {"cpu_small_max_concurrency"}),
        ({"cpu_small_max_concurrency": "4.5"}, {"cpu_small_max_concurrency"}),
        ({"cpu_small_max_dbu_per_hour": None}, {"cpu_small_max_dbu_per_hour"}),
        (
            {"gpu_small_large_min_concurrency": "4"},
            {
                "gpu_small_large_max_concurrency",
                "gpu_small_large_min_dbu_per_hour",
                "gpu_small_large_max_dbu_per_hour",
            },
        ),
    ],
)
def test_each_thing_that_is_wrong_is_said_beside_its_field(client, admin, changes, wrong):
    client.force_login(admin)
    answer = client.post(NEW, new_table(**changes))
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == wrong
    page = answer.content.decode()
    for name in wrong:
        assert f'id="id_{name}_error"' in page
    assert not PriceTable.objects.filter(name="Contract 2027").exists()


def test_a_table_without_any_rate_is_refused(client, admin):
    client.force_login(admin)
    without = {name: None for name in new_table() if name.startswith("cpu_")}
    answer = client.post(NEW, new_table(**without))
    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors()


# -- the review page -------------------------------------------------------------------------------


def test_the_review_shows_the_price_with_its_assumptions(client, answered):
    only_prices()
    page = page_of(client, step_url(answered, "review"))
    # Medium, scale to zero: 8 DBU/h x 0.07 x 176 h = 98.56; 16 x 0.07 x 730 = 817.60
    assert "98.56\N{EN DASH}817.60 USD" in page
    assert "8 hours a day on 22 days" in page
    assert "Test prices, from 2020-01-01" in page


def test_the_hours_of_use_can_be_changed_on_the_review(client, answered):
    only_prices()
    page = page_of(client, f"{step_url(answered, 'review')}?assumed_hours_per_day=2")
    # 8 x 0.07 x 2 x 22 = 24.64
    assert "24.64\N{EN DASH}817.60 USD" in page
    assert 'name="assumed_hours_per_day" value="2"' in page


def test_the_hours_of_the_review_stay_with_the_deployment_and_price_its_runs(client, answered):
    only_prices()
    url = step_url(answered, "review")
    sent = {"go": "next", "revision": answered.revision, "assumed_hours_per_day": "2.5"}
    assert client.post(url, sent).status_code == 302
    run = Run.objects.get()
    assert run.deployment.hours_used_per_day == Decimal("2.5")
    # 8 x 0.07 x 2.5 x 22 = 30.80
    assert cost.quote_run(run).estimate.low == Decimal("30.80")


def test_hours_that_no_day_has_deploy_nothing(client, answered):
    only_prices()
    sent = {"go": "next", "revision": answered.revision, "assumed_hours_per_day": "25"}
    answer = client.post(step_url(answered, "review"), sent)
    assert answer.status_code == 422
    assert 'id="id_assumed_hours_per_day_error"' in answer.content.decode()
    assert not Run.objects.exists()


@pytest.mark.parametrize("hours", ["25", "0", "many", ""])
def test_hours_that_no_day_has_are_marked_and_the_usual_ones_are_taken(client, answered, hours):
    only_prices()
    page = page_of(client, f"{step_url(answered, 'review')}?assumed_hours_per_day={hours}")
    assert 'id="id_assumed_hours_per_day_error"' in page
    assert "98.56\N{EN DASH}817.60 USD" in page


def test_the_review_says_when_there_is_no_price(client, answered):
    PriceTable.objects.all().delete()
    page = page_of(client, step_url(answered, "review"))
    assert "Unknown price" in page
    assert "no price table is valid today" in page
