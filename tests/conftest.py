"""The cast of the tests: one team with a person for every role, and those who stand outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Team, TokenScope, User
from accounts.teams.roles import Role
from catalog.models import Environment, ModelVersion, RegisteredModel, Workspace
from tests.database import django_db_setup as django_db_setup
from tests.factories import (
    EnvironmentFactory,
    ModelVersionFactory,
    RegisteredModelFactory,
    TeamFactory,
    UserFactory,
    WorkspaceFactory,
    member_of,
    token_of,
)

pytest_plugins = ["tests.browser", "tests.order", "tests.product", "tests.sandbox.shared"]


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Settings) -> None:
    """Static files are served from their sources: no test needs collectstatic."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Settings) -> None:
    """A slow hash makes each login of a test slow and proves nothing."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Throttles count in the cache: no test may feel another's tries."""
    for cache in caches.all(initialized_only=True):
        cache.clear()


@pytest.fixture
def team(db: None) -> Team:
    return TeamFactory.create(slug="fraud", name="Fraud")


@pytest.fixture
def owner(team: Team) -> User:
    """The team admin: may do everything for the team."""
    return member_of(team, Role.TEAM_ADMIN, "owner")


@pytest.fixture
def deployer(team: Team) -> User:
    return member_of(team, Role.DEPLOYER, "deployer")


@pytest.fixture
def approver(team: Team) -> User:
    return member_of(team, Role.APPROVER, "approver")


@pytest.fixture
def viewer(team: Team) -> User:
    return member_of(team, Role.VIEWER, "viewer")


@pytest.fixture
def other_team(db: None) -> Team:
    return TeamFactory.create(slug="pricing", name="Pricing")


@pytest.fixture
def stranger(other_team: Team) -> User:
    """The team admin of another team."""
    return member_of(other_team, Role.TEAM_ADMIN, "stranger")


@pytest.fixture
def admin(db: None) -> User:
    """A platform admin, member of no team."""
    return UserFactory.create(username="admin", is_superuser=True, is_staff=True)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create(name="main")


@pytest.fixture
def environment(workspace: Workspace) -> Environment:
    return EnvironmentFactory.create(slug="staging", name="Staging", catalog_name="staging", workspace=workspace)


@pytest.fixture
def registered_model(environment: Environment, team: Team) -> RegisteredModel:
    """staging.fraud.card_fraud, of the team."""
    return RegisteredModelFactory.create(
        workspace=environment.workspace,
        team=team,
        catalog_name=environment.catalog_name,
        name="card_fraud",
    )


@pytest.fixture
def model_version(registered_model: RegisteredModel) -> ModelVersion:
    """Version 3 of staging.fraud.card_fraud, ready, with a signature and an input example."""
    columns = [{"name": "amount", "type": "double", "required": True}]
    return ModelVersionFactory.create(
        model=registered_model,
        version=3,
        signature={"inputs": columns, "outputs": [{"type": "long", "required": True}]},
        input_example={"dataframe_split": {"columns": ["amount"], "data": [[12.5]]}},
        flavors=["python_function", "sklearn"],
        metrics={"auc": 0.94},
    )


@pytest.fixture
def api_as() -> Callable[..., APIClient]:
    """``api_as(user)`` or ``api_as(user, TokenScope.READ)``: a client with a new bearer token of the user."""

    def make(user: User, scope: TokenScope = TokenScope.WRITE) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user, scope)}")
        return client

    return make
