"""Saved views for the page: links, and descriptions of their queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import User
from monitoring.fleet.listing import STATUSES, Lens
from monitoring.fleet.models import SavedView

#: Number of saved views that the fleet links to. The others are on their own page.
SHOWN = 8
#: Views of all deployments, and of those that need attention.
BUILT_IN: dict[str, dict[str, str]] = {
    "All": {"lens": Lens.HEALTH},
    "Failing": {"lens": Lens.HEALTH, "status": "failing"},
    "Changed by hand": {"lens": Lens.GOVERNANCE, "status": "changed"},
    "Waiting for approval": {"lens": Lens.ROLLOUT, "status": "waiting"},
    "Last run failed": {"lens": Lens.ROLLOUT, "status": "bad"},
}


@dataclass(frozen=True)
class ViewLink:
    key: str
    label: str
    url: str
    active: bool
    #: The team that shares the view; "" for the user's own views.
    note: str = ""
    opens_first: bool = False


def fleet_url(query: Mapping[str, str]) -> str:
    return f"{reverse('monitoring:fleet')}?{urlencode(query)}"


def links(views: Iterable[SavedView], user: User, chosen: Mapping[str, str]) -> list[ViewLink]:
    """Links to built-in views, then to ``views``. A link is active if its query equals ``chosen``."""
    built_in = [
        ViewLink(f"built-in-{place}", label, fleet_url(query), query == chosen)
        for place, (label, query) in enumerate(BUILT_IN.items())
    ]
    return built_in + [_link(view, user, chosen) for view in views]


def _link(view: SavedView, user: User, chosen: Mapping[str, str]) -> ViewLink:
    mine = view.owner_id == user.pk
    return ViewLink(
        str(view.pk),
        view.name,
        reverse("monitoring:fleet_view", args=[view.pk]),
        view.query == chosen,
        note=view.team.name if view.team and not mine else "",
        opens_first=view.is_default and mine,
    )


def default_of(views: Sequence[SavedView], user: User) -> SavedView | None:
    """The default view of ``user``, if any."""
    return next((view for view in views if view.is_default and view.owner_id == user.pk), None)


def in_words(query: Mapping[str, str]) -> str:
    """The query as text, for example ``Health: Failing, team fraud, by p99 descending``."""
    lens = Lens(query["lens"])
    labels = {one.value: one.label for one in STATUSES[lens]}
    status = query.get("status")
    told = [f"{lens.label}: {labels.get(status, status)}" if status else lens.label]
    told += [f"{name} {query[name]}" for name in ("team", "environment") if name in query]
    if "q" in query:
        told.append(f"with “{query['q']}”")
    if "ordering" in query:
        word = query["ordering"]
        told.append(f"by {word.removeprefix('-').replace('_', ' ')}{' descending' if word.startswith('-') else ''}")
    return ", ".join(told)
