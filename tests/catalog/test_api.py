"""Models, versions and environments over the API."""

import pytest
from rest_framework.test import APIClient

from accounts.models import TokenScope
from catalog.mirror.tasks import sync_workspace
from catalog.models import Workspace
from tests.factories import (
    SEEN_AT,
    EnvironmentFactory,
    ModelVersionFactory,
    RegisteredModelFactory,
    WorkspaceFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
MODELS = "/api/v1/models/"
MODEL = f"{MODELS}staging.fraud.card_fraud/"
VERSIONS = f"{MODEL}versions/"
ENVIRONMENTS = "/api/v1/environments/"


def names(answer):
    assert answer.status_code == 200, answer.content
    return [row["full_name"] for row in answer.json()["results"]]


def test_a_model_tells_its_team_versions_aliases_and_flavors(model_version, registered_model, viewer, api_as):
    ModelVersionFactory.create(model=registered_model, version=2, aliases=["champion"])
    ModelVersionFactory.create(model=registered_model, version=9, removed_at=SEEN_AT, aliases=["gone"])
    body = api_as(viewer, TokenScope.READ).get(MODEL).json()
    assert (body["full_name"], body["team"], body["workspace"]) == ("staging.fraud.card_fraud", "fraud", "main")
    assert (body["latest_version"], body["version_count"]) == (3, 2)
    assert body["aliases"] == {"champion": 2}
    assert body["flavors"] == ["python_function", "sklearn"]


def test_a_model_without_versions_is_shown_too(registered_model, viewer, api_as):
    body = api_as(viewer).get(MODEL).json()
    assert (body["latest_version"], body["version_count"], body["aliases"], body["flavors"]) == (None, 0, {}, [])


def test_a_name_is_found_in_any_case(registered_model, viewer, api_as):
    assert api_as(viewer).get(f"{MODELS}STAGING.Fraud.card_fraud/").status_code == 200


def test_versions_come_newest_first_and_one_tells_everything(model_version, registered_model, viewer, api_as):
    ModelVersionFactory.create(model=registered_model, version=10)
    client = api_as(viewer)
    assert [row["version"] for row in client.get(VERSIONS).json()["results"]] == [10, 3]
    body = client.get(f"{VERSIONS}3/").json()
    assert body["model"] == "staging.fraud.card_fraud"
    assert body["signature"]["inputs"][0]["name"] == "amount"
    assert body["input_example"] == {"dataframe_split": {"columns": ["amount"], "data": [[12.5]]}}
    assert body["metrics"] == {"auc": 0.94}


@pytest.mark.parametrize("url", [MODELS, MODEL, VERSIONS, f"{VERSIONS}3/", ENVIRONMENTS])
def test_nobody_gets_401(model_version, url):
    assert APIClient().get(url).status_code == 401


@pytest.mark.parametrize("url", [MODEL, VERSIONS, f"{VERSIONS}3/"])
def test_another_team_does_not_find_the_model(model_version, stranger, api_as, url):
    assert api_as(stranger).get(url).status_code == 404
    assert names(api_as(stranger).get(MODELS)) == []


def test_a_model_of_no_team_is_for_platform_admins(viewer, admin, api_as):
    RegisteredModelFactory.create(team=None, name="lonely")
    assert names(api_as(viewer).get(MODELS)) == []
    assert names(api_as(admin).get(MODELS)) == ["staging.unowned.lonely"]


def test_a_model_that_is_gone_is_not_found(registered_model, viewer, api_as):
    registered_model.removed_at = SEEN_AT
    registered_model.save()
    assert api_as(viewer).get(MODEL).status_code == 404
    assert names(api_as(viewer).get(MODELS)) == []


def test_two_workspaces_with_one_name_are_told_apart(registered_model, team, viewer, api_as):
    other = WorkspaceFactory.create(name="other")
    RegisteredModelFactory.create(workspace=other, team=team, name="card_fraud", comment="the other one")
    client = api_as(viewer)
    assert client.get(MODEL).json()["workspace"] == "main"
    assert client.get(f"{MODEL}?workspace=other").json()["comment"] == "the other one"
    assert client.get(f"{MODEL}?workspace=nowhere").status_code == 404


@pytest.fixture
def some_models(environment, team, other_team):
    """Three models: one of the team in staging, one in prod, one of the other team."""
    production = EnvironmentFactory.create(slug="prod", catalog_name="prod", workspace=environment.workspace)
    first = RegisteredModelFactory.create(
        workspace=environment.workspace, team=team, name="card_fraud", comment="Scores card payments", owner="ana"
    )
    second = RegisteredModelFactory.create(
        workspace=production.workspace, team=team, catalog_name="prod", name="card_fraud"
    )
    third = RegisteredModelFactory.create(workspace=environment.workspace, team=other_team, name="price")
    ModelVersionFactory.create(model=first, version=1, flavors=["sklearn"], aliases=["champion"])
    ModelVersionFactory.create(model=second, version=1, flavors=["lightgbm"])
    ModelVersionFactory.create(model=third, version=1, flavors=["sklearn"], aliases=["champion_old"])
    return first, second, third


STAGING, PROD, PRICE = "staging.fraud.card_fraud", "prod.fraud.card_fraud", "staging.pricing.price"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [PROD, STAGING, PRICE]),
        ("q=card", [PROD, STAGING]),
        ("q=CARD+payments", [STAGING]),
        ("q=ana", [STAGING]),
        ("q=Pricing", [PRICE]),
        ("q=100%25", []),
        ("environment=staging", [STAGING, PRICE]),
        ("environment=prod", [PROD]),
        ("catalog=PROD", [PROD]),
        ("team=fraud", [PROD, STAGING]),
        ("flavor=lightgbm", [PROD]),
        ("flavor=light", []),
        ("alias=champion", [STAGING]),
        ("alias=none", []),
        ("has_alias=true", [STAGING, PRICE]),
        ("has_alias=false", [PROD]),
        ("q=card&environment=staging&has_alias=true", [STAGING]),
        ("ordering=-full_name", [PRICE, STAGING, PROD]),
        ("q=%27;--", []),
        ("q=%F0%9F%98%80", []),
    ],
)
def test_lists_are_searched_filtered_and_ordered(some_models, admin, api_as, query, expected):
    assert names(api_as(admin).get(f"{MODELS}?{query}")) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("environment=nowhere", "environment"),
        ("team=nobody", "team"),
        ("has_alias=perhaps", "has_alias"),
        ("ordering=team__memberships__user__password", "ordering"),
        ("q=%00", "q"),
        ("q=" + "x" * 300, "q"),
        ("flavor=%00", "flavor"),
    ],
)
def test_a_filter_value_that_does_not_exist_is_refused_and_named(some_models, admin, api_as, query, field):
    answer = api_as(admin).get(f"{MODELS}?{query}")
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_somebody_elses_team_is_no_filter(some_models, viewer, api_as):
    answer = api_as(viewer).get(f"{MODELS}?team=pricing")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        f"{MODELS}nothing/",
        f"{MODELS}a.b.c/",
        f"{MODELS}%00/",
        f"{MODELS}..%2F..%2Fetc/",
        f"{MODELS}{'x' * 3000}/",
        f"{MODELS}caf%C3%A9.%F0%9F%98%80.%27/",
        f"{VERSIONS}0/",
        f"{VERSIONS}-1/",
        f"{VERSIONS}99999999999999999999/",
        f"{VERSIONS}champion/",
        f"{VERSIONS}%00/",
        f"{ENVIRONMENTS}nowhere/",
        f"{ENVIRONMENTS}%00/",
    ],
)
def test_odd_names_are_not_found(model_version, viewer, api_as, url):
    assert api_as(viewer).get(url).status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        f"{MODELS}?cursor=nonsense",
        f"{MODELS}?cursor=bz0xJnA9%2500",
        f"{MODELS}?ordering=updated_at&cursor=cD1mb28%3D",
        f"{VERSIONS}?cursor=cD1mb28%3D",
    ],
)
def test_a_cursor_written_by_hand_is_not_found(model_version, viewer, api_as, url):
    assert api_as(viewer).get(url).status_code == 404


def test_pages_follow_each_other_without_gap_and_repeat(team, workspace, viewer, api_as):
    RegisteredModelFactory.create_batch(7, workspace=workspace, team=team)
    client = api_as(viewer)
    seen: list[str] = []
    url = f"{MODELS}?page_size=3"
    while url:
        page = client.get(url)
        seen += names(page)
        url = page.json()["next"]
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen)


def test_a_list_costs_the_same_for_one_and_for_twenty_models(
    model_version, team, workspace, viewer, api_as, django_assert_num_queries
):
    client = api_as(viewer)
    client.get(MODELS)
    with django_assert_num_queries(3):
        client.get(MODELS)
    for model in RegisteredModelFactory.create_batch(19, workspace=workspace, team=team):
        ModelVersionFactory.create(model=model, version=1, aliases=["champion"])
    with django_assert_num_queries(3):
        client.get(MODELS)


def test_a_list_of_versions_costs_the_same_for_one_and_for_twenty(
    model_version, registered_model, viewer, api_as, django_assert_num_queries
):
    client = api_as(viewer)
    client.get(VERSIONS)
    with django_assert_num_queries(3):
        client.get(VERSIONS)
    for number in range(10, 29):
        ModelVersionFactory.create(model=registered_model, version=number)
    with django_assert_num_queries(3):
        client.get(VERSIONS)


def test_environments_come_in_their_order_with_their_rules(environment, viewer, api_as):
    EnvironmentFactory.create(slug="prod", position=9, needs_approval=True)
    EnvironmentFactory.create(slug="dev", position=0)
    rows = api_as(viewer).get(ENVIRONMENTS).json()["results"]
    assert [row["slug"] for row in rows] == ["dev", "staging", "prod"]
    assert rows[2]["needs_approval"] is True
    assert api_as(viewer).get(f"{ENVIRONMENTS}prod/").json()["catalog_name"] == "prod"


def test_pages_of_environments_follow_each_other(environment, viewer, api_as):
    EnvironmentFactory.create_batch(6, position=1)
    client = api_as(viewer)
    seen: list[str] = []
    url = f"{ENVIRONMENTS}?page_size=2"
    while url:
        page = client.get(url).json()
        seen += [row["slug"] for row in page["results"]]
        url = page["next"]
    assert len(seen) == len(set(seen)) == 7


@pytest.fixture
def started(monkeypatch):
    pks: list[int] = []
    monkeypatch.setattr(sync_workspace, "delay", pks.append)
    return pks


def test_a_refresh_starts_one_sync_of_the_workspace(environment, viewer, api_as, started):
    client = api_as(viewer)
    url = f"{ENVIRONMENTS}staging/refresh/"
    first, second = client.post(url), client.post(url)
    assert (first.status_code, first.json()) == (202, {"started": True})
    assert (second.status_code, second.json()) == (202, {"started": False})
    assert started == [environment.workspace.pk]
    assert client.get(f"{ENVIRONMENTS}staging/").json()["is_syncing"] is True


def test_a_refresh_takes_a_write_token_and_a_team(environment, viewer, api_as, started, django_user_model):
    url = f"{ENVIRONMENTS}staging/refresh/"
    assert APIClient().post(url).status_code == 401
    assert api_as(viewer, TokenScope.READ).post(url).status_code == 403
    outsider = django_user_model.objects.create(username="outsider")
    assert api_as(outsider).post(url).status_code == 403
    assert api_as(viewer).post(f"{ENVIRONMENTS}nowhere/refresh/").status_code == 404
    assert started == []
    assert not Workspace.objects.exclude(refresh_requested_at=None).exists()
