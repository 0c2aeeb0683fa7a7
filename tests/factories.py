"""Rows for tests, with as few defaults as the models ask for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from auditlog.context import disable_auditlog
from django.db.models import Model
from factory.declarations import LazyAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from accounts.models import AccessToken, Membership, Team, TokenScope, User
from accounts.teams.roles import Role
from catalog.models import Environment, ModelVersion, ModelVersionStatus, RegisteredModel, Workspace

Row = TypeVar("Row", bound=Model)
PASSWORD = "a-long-password-of-a-test"
SEEN_AT = datetime(2026, 11, 1, 9, tzinfo=UTC)


class UnauditedFactory(DjangoModelFactory[Row]):
    """The rows that a test starts from are nobody's action: the audit log of a test holds what the test does."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type[Row], *args: Any, **kwargs: Any) -> Row:
        with disable_auditlog():
            made: Row = super()._create(model_class, *args, **kwargs)
            return made


class UserFactory(UnauditedFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence(lambda n: f"person{n}")
    email = LazyAttribute(lambda user: f"{user.username}@example.com")


class TeamFactory(UnauditedFactory[Team]):
    class Meta:
        model = Team

    slug = Sequence(lambda n: f"team_{n}")
    name = LazyAttribute(lambda team: team.slug.replace("_", " ").title())


class MembershipFactory(UnauditedFactory[Membership]):
    class Meta:
        model = Membership

    user = SubFactory(UserFactory)
    team = SubFactory(TeamFactory)
    role = Role.VIEWER


class WorkspaceFactory(UnauditedFactory[Workspace]):
    class Meta:
        model = Workspace

    name = Sequence(lambda n: f"workspace-{n}")
    host = "http://127.0.0.1:9"
    credential = "TEST_DATABRICKS"


class EnvironmentFactory(UnauditedFactory[Environment]):
    class Meta:
        model = Environment

    slug = Sequence(lambda n: f"environment-{n}")
    name = LazyAttribute(lambda environment: environment.slug.title())
    workspace = SubFactory(WorkspaceFactory)
    catalog_name = LazyAttribute(lambda environment: environment.slug.replace("-", "_"))


class RegisteredModelFactory(UnauditedFactory[RegisteredModel]):
    """``catalog_name``, ``schema_name`` and ``name`` make the full name; the schema is the team's slug."""

    class Meta:
        model = RegisteredModel

    workspace = SubFactory(WorkspaceFactory)
    team = SubFactory(TeamFactory)
    catalog_name = "staging"
    schema_name = LazyAttribute(lambda model: model.team.slug if model.team else "unowned")
    name = Sequence(lambda n: f"model_{n}")
    full_name = LazyAttribute(lambda model: f"{model.catalog_name}.{model.schema_name}.{model.name}")
    seen_at = SEEN_AT


class ModelVersionFactory(UnauditedFactory[ModelVersion]):
    class Meta:
        model = ModelVersion

    model = SubFactory(RegisteredModelFactory)
    version = Sequence(lambda n: n + 1)
    status = ModelVersionStatus.READY


def member_of(team: Team, role: Role, username: str) -> User:
    """A new person with ``role`` in ``team``."""
    user = UserFactory.create(username=username)
    MembershipFactory.create(user=user, team=team, role=role)
    return user


def token_of(user: User, scope: TokenScope = TokenScope.WRITE) -> str:
    """The plain text of a new access token of ``user``."""
    _, plain_text = AccessToken.objects.create(user=user, name="test", scope=scope)
    return str(plain_text)
