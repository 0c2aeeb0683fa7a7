"""The users of the demo: three teams, a user for every role, and their passwords and tokens."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction

from accounts.models import AccessToken, Membership, Team, TokenScope, User
from accounts.teams.roles import Role
from accounts.tokens.services import create_token
from catalog.models import Environment, Workspace

# {slug: (name, cost center)}. The slug is the Unity Catalog schema of the team's models.
TEAMS = {"fraud": ("Fraud", "CC-1100"), "pricing": ("Pricing", "CC-1200"), "support": ("Support", "CC-1300")}
EVERY_TEAM = "*"
PLATFORM_ADMIN = "platform_admin"
# (username, first name, role, team)
PEOPLE = (
    ("fiona", "Fiona", Role.DEPLOYER, "fraud"),
    ("arjun", "Arjun", Role.APPROVER, "fraud"),
    ("felix", "Felix", Role.TEAM_ADMIN, "fraud"),
    ("vera", "Vera", Role.VIEWER, "fraud"),
    ("priya", "Priya", Role.DEPLOYER, "pricing"),
    ("pablo", "Pablo", Role.APPROVER, "pricing"),
    ("petra", "Petra", Role.TEAM_ADMIN, "pricing"),
    ("samir", "Samir", Role.DEPLOYER, "support"),
    ("sofia", "Sofia", Role.APPROVER, "support"),
    ("simon", "Simon", Role.TEAM_ADMIN, "support"),
    ("morgan", "Morgan", Role.VIEWER, EVERY_TEAM),
    ("admin", "Ada", PLATFORM_ADMIN, EVERY_TEAM),
)
TOKEN_NAME = "demo"  # noqa: S105 - what the token is called
TOKEN_DAYS = 365
WORKSPACE = "sandbox"
# Prefix of the environment variables with the portal's credentials for the workspace.
CREDENTIAL = "SANDBOX"
# (slug, name, needs approval). The catalog has the same name as the environment's slug.
ENVIRONMENTS = (("dev", "Development", False), ("staging", "Staging", False), ("prod", "Production", True))
# Excludes characters that look alike, because passwords are read from a terminal.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Login:
    username: str
    password: str
    role: str
    team: str
    token: str


def make_cast(known: list[dict[str, str]]) -> list[dict[str, str]]:
    """Create missing teams, environments and users. Returns the log-ins; those in ``known`` that are valid are kept."""
    with transaction.atomic():
        teams = {
            slug: Team.objects.get_or_create(slug=slug, defaults={"name": name, "cost_center": center})[0]
            for slug, (name, center) in TEAMS.items()
        }
        _make_environments()
        logins = {login["username"]: login for login in known}
        return [_person(person, teams, logins.get(person[0])) for person in PEOPLE]


def _make_environments() -> None:
    host = f"http://127.0.0.1:{settings.SANDBOX_PORT}"
    # The port may have changed since the last start.
    workspace, _ = Workspace.objects.update_or_create(name=WORKSPACE, defaults={"host": host, "credential": CREDENTIAL})
    for position, (slug, name, needs_approval) in enumerate(ENVIRONMENTS):
        Environment.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "position": position,
                "workspace": workspace,
                "catalog_name": slug,
                "needs_approval": needs_approval,
            },
        )


def _person(person: tuple[str, str, str, str], teams: dict[str, Team], known: dict[str, str] | None) -> dict[str, str]:
    username, first_name, role, team = person
    is_admin = role == PLATFORM_ADMIN
    user, created = User.objects.get_or_create(
        username=username,
        defaults={
            "first_name": first_name,
            "email": f"{username}@example.com",
            "is_staff": is_admin,
            "is_superuser": is_admin,
        },
    )
    if created and not is_admin:
        for member_of in teams.values() if team == EVERY_TEAM else [teams[team]]:
            Membership.objects.create(user=user, team=member_of, role=role)
    if known and not created and AccessToken.objects.filter(user=user, name=TOKEN_NAME).exists():
        return known
    return asdict(_new_login(user, role, team))


def _new_login(user: User, role: str, team: str) -> Login:
    """Set a new password and create a new token: the database has only hashes of those in a lost demo.json."""
    password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
    user.set_password(password)
    user.save(update_fields=["password"])
    AccessToken.objects.filter(user=user, name=TOKEN_NAME).delete()
    scope = TokenScope.READ if role == Role.VIEWER else TokenScope.WRITE
    _, token = create_token(user=user, name=TOKEN_NAME, scope=scope, expires_in_days=TOKEN_DAYS)
    return Login(user.username, password, str(role), team, token)
