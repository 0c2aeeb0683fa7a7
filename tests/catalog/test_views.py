"""Pages of the catalog."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.mirror.tasks import sync_workspace
from catalog.models import Workspace
from tests.factories import (
    SEEN_AT,
    EnvironmentFactory,
    ModelVersionFactory,
    RegisteredModelFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
MODELS = reverse("catalog:models")
MODEL = reverse("catalog:model", args=["staging.fraud.card_fraud"])
ENVIRONMENTS = reverse("catalog:environments")
REFRESH = reverse("catalog:refresh")
STATUS = reverse("catalog:sync_status")


def page_of(client, url, status=200):
    answer = client.get(url)
    assert answer.status_code == status
    return answer.content.decode()


@pytest.fixture
def started(monkeypatch):
    pks: list[int] = []
    monkeypatch.setattr(sync_workspace, "delay", pks.append)
    return pks


@pytest.mark.parametrize("url", [MODELS, MODEL, ENVIRONMENTS, STATUS])
def test_anonymous_visitors_are_sent_to_the_login(client, model_version, url):
    assert client.get(url).headers["Location"].startswith(reverse("login"))


def test_the_catalog_shows_the_models_of_my_teams(client, model_version, viewer, other_team):
    RegisteredModelFactory.create(team=other_team, name="basket_size")
    client.force_login(viewer)
    page = page_of(client, MODELS)
    assert "staging.fraud.card_fraud" in page
    assert "basket_size" not in page
    assert "1 model of 1 team" in page


def test_page_and_api_list_the_same_models(client, model_version, viewer, admin, other_team, api_as):
    RegisteredModelFactory.create(team=other_team, name="basket_size")
    RegisteredModelFactory.create(team=None, name="lonely")
    for person in (viewer, admin):
        client.force_login(person)
        rows = api_as(person).get("/api/v1/models/").json()["results"]
        page = page_of(client, MODELS)
        for name in ("staging.fraud.card_fraud", "staging.pricing.price", "staging.unowned.lonely"):
            assert (name in page) == (name in [row["full_name"] for row in rows])


def test_search_and_filters_stand_in_the_url(client, model_version, workspace, team, viewer):
    RegisteredModelFactory.create(workspace=workspace, team=team, name="refunds")
    client.force_login(viewer)
    page = page_of(client, f"{MODELS}?q=refunds&team=fraud")
    assert "staging.fraud.refunds" in page
    assert "staging.fraud.card_fraud" not in page
    assert '<input type="search" name="q"' in page
    assert "No models match" in page_of(client, f"{MODELS}?q=nothing-like-it")


@pytest.mark.parametrize(
    ("ordering", "first"),
    [("full_name", "alpha"), ("-full_name", "omega"), ("-version_count", "omega"), ("updated_at", "omega")],
)
def test_the_list_is_sorted_by_its_headers(client, workspace, team, viewer, ordering, first):
    RegisteredModelFactory.create(workspace=workspace, team=team, name="alpha")
    old = SEEN_AT - timedelta(days=9)
    ModelVersionFactory.create(
        model=RegisteredModelFactory.create(workspace=workspace, team=team, name="omega", updated_at=old)
    )
    client.force_login(viewer)
    page = page_of(client, f"{MODELS}?ordering={ordering}")
    positions = {name: page.index(f"staging.fraud.{name}") for name in ("alpha", "omega")}
    assert min(positions, key=lambda name: positions[name]) == first


@pytest.mark.parametrize(
    "query", ["ordering=password", "environment=nowhere", "team=pricing", "has_alias=x", "q=%00", "q=" + "x" * 300]
)
def test_a_filter_that_cannot_be_applied_says_so(client, model_version, viewer, query):
    client.force_login(viewer)
    assert "Invalid filter" in page_of(client, f"{MODELS}?{query}", 400)


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=99999999999999999999", "unknown=1", "page=-1"])
def test_an_odd_page_number_shows_a_page(client, model_version, viewer, query):
    client.force_login(viewer)
    assert "staging.fraud.card_fraud" in page_of(client, f"{MODELS}?{query}")


def test_an_empty_catalog_says_how_it_fills(client, viewer, admin, db):
    client.force_login(viewer)
    assert "No environments yet" in page_of(client, MODELS)
    EnvironmentFactory.create()
    assert "No models yet" in page_of(client, MODELS)
    assert "Never" in page_of(client, MODELS).title()


def test_the_list_costs_the_same_for_one_and_for_twenty_models(
    client, model_version, workspace, team, viewer, django_assert_max_num_queries
):
    client.force_login(viewer)
    with django_assert_max_num_queries(13) as one:
        page_of(client, MODELS)
    for model in RegisteredModelFactory.create_batch(19, workspace=workspace, team=team):
        ModelVersionFactory.create(model=model, version=1, aliases=["champion"])
    with django_assert_max_num_queries(len(one)):
        page_of(client, MODELS)


def test_a_model_page_shows_versions_signature_example_and_metrics(client, model_version, registered_model, viewer):
    ModelVersionFactory.create(
        model=registered_model, version=2, metrics={"auc": 0.81, "loss": 0.3}, aliases=["champion"]
    )
    client.force_login(viewer)
    page = page_of(client, MODEL)
    assert "Signature of v3" in page
    assert "amount" in page
    assert "dataframe_split" in page
    assert "0.94" in page
    assert "0.81" in page
    assert "@champion" in page
    assert "Signature of v2" in page_of(client, f"{MODEL}?version=2")


def test_a_version_whose_files_are_not_read_yet_says_so(client, registered_model, viewer):
    ModelVersionFactory.create(model=registered_model, version=1)
    client.force_login(viewer)
    assert "Not synced yet" in page_of(client, MODEL)
    registered_model.versions.update(details_synced_at=SEEN_AT)
    assert "No signature" in page_of(client, MODEL)


def test_a_model_without_versions_has_a_page(client, registered_model, viewer):
    client.force_login(viewer)
    assert "No versions yet" in page_of(client, MODEL)


@pytest.mark.parametrize("version", ["9", "0", "-1", "x", "99999999999999999999", "%C2%B2", "%00"])
def test_an_unknown_version_is_not_found(client, model_version, viewer, version):
    client.force_login(viewer)
    assert client.get(f"{MODEL}?version={version}").status_code == 404


@pytest.mark.parametrize("name", ["a.b.c", "%00", "caf%C3%A9", "x" * 3000, "'--"])
def test_an_unknown_model_is_not_found(client, model_version, viewer, name):
    client.force_login(viewer)
    assert client.get(f"{MODELS}{name}/").status_code == 404


def test_another_team_does_not_find_the_model(client, model_version, stranger, admin):
    client.force_login(stranger)
    assert client.get(MODEL).status_code == 404
    client.force_login(admin)
    assert client.get(MODEL).status_code == 200


def test_what_a_model_says_of_itself_is_escaped(client, registered_model, viewer):
    evil = "<script>alert(1)</script>"
    registered_model.comment = evil
    registered_model.tags = {evil: evil}
    registered_model.save()
    ModelVersionFactory.create(
        model=registered_model,
        version=1,
        aliases=[evil],
        comment=evil,
        params={evil: evil},
        metrics={evil: 1},
        requirements=[evil],
        datasets=[{"name": evil, "table": "", "context": evil, "digest": evil}, {"table": evil, "context": "training"}],
        signature={"inputs": [{"name": evil, "type": evil}]},
        input_example={"x": evil},
        details_synced_at=SEEN_AT,
    )
    client.force_login(viewer)
    assert evil not in page_of(client, MODEL)
    assert evil not in page_of(client, MODELS)


@pytest.mark.parametrize(
    "signature",
    [
        {"inputs": "text"},
        {"inputs": [1, None, "x"]},
        {"inputs": [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 4]}}]},
        {"inputs": [{"name": "xs", "type": "array", "items": {"type": "string"}}]},
        {"params": [{"name": "t", "type": "double", "default": 0.5, "shape": None}]},
    ],
)
def test_every_kind_of_signature_has_a_page(client, registered_model, viewer, signature):
    ModelVersionFactory.create(model=registered_model, version=1, signature=signature, details_synced_at=SEEN_AT)
    client.force_login(viewer)
    assert "Versions" in page_of(client, MODEL)


def test_a_model_page_costs_the_same_for_one_and_for_twenty_versions(
    client, model_version, registered_model, viewer, django_assert_max_num_queries
):
    client.force_login(viewer)
    with django_assert_max_num_queries(11) as one:
        page_of(client, MODEL)
    for number in range(10, 30):
        ModelVersionFactory.create(model=registered_model, version=number, aliases=[f"a{number}"])
    with django_assert_max_num_queries(len(one)):
        page_of(client, MODEL)


def test_environments_are_listed_with_their_rules(client, environment, viewer):
    EnvironmentFactory.create(slug="prod", name="Production", needs_approval=True, approval_expires_after_hours=8)
    client.force_login(viewer)
    page = page_of(client, ENVIRONMENTS)
    assert "Production" in page
    assert "Needs approval" in page
    assert "8 h" in page


def test_a_refresh_works_without_and_with_javascript(client, environment, viewer, started):
    client.force_login(viewer)
    assert client.post(REFRESH).headers["Location"] == MODELS
    assert started == [environment.workspace.pk]
    fragment = client.post(REFRESH, headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 1s"' in fragment
    assert "<html" not in fragment
    assert started == [environment.workspace.pk]


def test_a_refresh_is_a_post_of_a_member(client, environment, viewer, django_user_model, started):
    client.force_login(viewer)
    assert client.get(REFRESH).status_code == 405
    client.force_login(django_user_model.objects.create(username="outsider"))
    assert client.post(REFRESH).status_code == 403
    assert started == []


def test_a_running_sync_asks_again_and_a_finished_one_renews_the_list(client, environment, viewer):
    client.force_login(viewer)
    Workspace.objects.update(sync_started_at=timezone.now(), sync_done=3, sync_total=8)
    running = client.get(STATUS)
    assert "3 of 8" in running.content.decode()
    assert 'hx-trigger="every 1s"' in running.content.decode()
    assert "HX-Trigger" not in running.headers
    Workspace.objects.update(sync_started_at=None, synced_at=timezone.now(), sync_error="it failed")
    finished = client.get(STATUS)
    assert "every 1s" not in finished.content.decode()
    assert "catalog-synced" in finished.headers["HX-Trigger"]
    assert "Out of date" in finished.content.decode()


@pytest.mark.parametrize("name", ["workspace", "environment", "registeredmodel", "modelversion"])
def test_admin_pages_open_and_the_mirror_cannot_be_edited(client, admin, model_version, name):
    client.force_login(admin)
    assert client.get(reverse(f"admin:catalog_{name}_changelist")).status_code == 200
    mirrored = name in ("registeredmodel", "modelversion")
    assert client.get(reverse(f"admin:catalog_{name}_add")).status_code == (403 if mirrored else 200)
