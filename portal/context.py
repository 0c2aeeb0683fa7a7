"""Template context of every page: navigation and teams of the user, active freezes, version."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts.models import Membership, User
from accounts.teams.roles import ALLOWED, Action, Role
from deployments.models import Freeze


def everybody(shell: Shell) -> bool:
    return shell.user is not None


def deployers(shell: Shell) -> bool:
    return shell.may_deploy


def platform_admins(shell: Shell) -> bool:
    return shell.user is not None and shell.user.is_platform_admin


@dataclass(frozen=True)
class Item:
    """An entry of the navigation, hidden if ``shown_to`` is false for the user or the URL name does not exist."""

    label: str
    url_name: str
    icon: str
    shown_to: Callable[[Shell], bool] = everybody
    url: str = ""
    active: bool = False


@dataclass(frozen=True)
class Group:
    title: str
    items: tuple[Item, ...]


GROUPS = (
    Group("", (Item("Home", "home", "home"), Item("Catalog", "catalog:models", "stack-2"))),
    Group(
        "Deploy",
        (
            Item("New deployment", "deployments:wizard_start", "plus", deployers),
            Item("Deployments", "deployments:list", "rocket"),
            Item("Runs", "deployments:runs", "activity"),
        ),
    ),
    Group(
        "Monitor",
        (
            Item("Fleet", "monitoring:fleet", "layout-grid"),
            Item("Cost", "monitoring:cost", "coins"),
            Item("Alerts", "monitoring:alerts", "bell"),
        ),
    ),
    Group(
        "Platform",
        (
            Item("Environments and policies", "deployments:policies", "server-2"),
            Item("Freezes", "deployments:freezes", "snowflake", platform_admins),
            Item("Prices", "deployments:prices", "receipt-2"),
            Item("API docs", "api-docs", "api"),
            Item("Components", "components", "box", platform_admins),
            Item("Admin", "admin:index", "settings", platform_admins),
        ),
    ),
)
ACCOUNT = (Item("Teams and roles", "accounts:teams", "users"), Item("API tokens", "accounts:tokens", "key"))


@lru_cache(maxsize=1)
def version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as handle:
        return str(tomllib.load(handle)["project"]["version"])


def _with_url(item: Item) -> Item | None:
    try:
        return replace(item, url=reverse(item.url_name))
    except NoReverseMatch:
        return None


def _active_url(items: Iterable[Item], path: str) -> str:
    """The longest URL of an entry that ``path`` is under. The home page matches only its own path."""
    under = [item.url for item in items if path == item.url or (item.url != "/" and path.startswith(item.url))]
    return max(under, key=len, default="")


class Shell:
    """The frame around a page. Lazy, so that fragments and error pages without navigation cost no query."""

    def __init__(self, request: HttpRequest) -> None:
        self._path = request.path
        user = getattr(request, "user", None)
        self.user = user if isinstance(user, User) else None

    @cached_property
    def memberships(self) -> list[Membership]:
        return [] if self.user is None else list(self.user.memberships.select_related("team"))

    @property
    def may_deploy(self) -> bool:
        if platform_admins(self):
            return True
        return any(Action.DEPLOY in ALLOWED[Role(membership.role)] for membership in self.memberships)

    @property
    def summary(self) -> str:
        """The user's role or teams in short: "Platform admin", "Fraud", "3 teams"."""
        if platform_admins(self):
            return "Platform admin"
        names = [membership.team.name for membership in self.memberships]
        return f"{len(names)} teams" if len(names) > 1 else "".join(names) or "No team yet"

    def _shown(self, items: Iterable[Item]) -> list[Item]:
        return [found for item in items if item.shown_to(self) and (found := _with_url(item))]

    @cached_property
    def groups(self) -> list[Group]:
        groups = [(group.title, self._shown(group.items)) for group in GROUPS]
        active = _active_url([item for _, items in groups for item in items], self._path)
        return [
            Group(title, tuple(replace(item, active=item.url == active) for item in items))
            for title, items in groups
            if items
        ]

    @cached_property
    def account(self) -> list[Item]:
        return self._shown(ACCOUNT)

    @cached_property
    def freezes(self) -> list[str]:
        """Descriptions of the active freezes that the user may see. One query."""
        if self.user is None:
            return []
        rows = Freeze.objects.active().visible_to(self.user).select_related("environment", "team", "created_by")
        return [freeze.text for freeze in rows]

    @property
    def version(self) -> str:
        return version()

    @property
    def time_zone(self) -> str:
        return timezone.get_current_timezone_name()


def navigation(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
