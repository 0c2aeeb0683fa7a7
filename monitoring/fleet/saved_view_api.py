"""API of saved views: a lens, filters and an ordering of the fleet with a name."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Team, User
from accounts.people.permissions import user_of
from monitoring.fleet.models import MAX_NAME_CHARS, SavedView, SavedViewQuerySet
from monitoring.fleet.saved_view_filters import choice_of
from monitoring.fleet.saved_views import ViewSettings, change_view, delete_view, save_view
from web.api import PAGERS, ByIdMixin, PortalAPIMixin
from web.bodies import Part, ShortText, parse
from web.errors import Invalid


class FleetQuery(Part):
    """The parameters of ``GET fleet/`` and of the page."""

    lens: ShortText = "health"
    q: ShortText = ""
    team: ShortText = ""
    environment: ShortText = ""
    status: ShortText = ""
    #: The ordering of the page, such as ``-p99``.
    ordering: ShortText = ""


class NewView(Part):
    """Without ``team``, only you can see the view. With ``is_default``, your fleet opens with it."""

    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    query: FleetQuery = FleetQuery()
    team: ShortText | None = None
    is_default: bool = False


class ViewChanges(Part):
    """Fields that are left out are unchanged. ``team`` null stops sharing the view."""

    name: str | None = Field(default=None, min_length=1, max_length=MAX_NAME_CHARS)
    query: FleetQuery | None = None
    team: ShortText | None = None
    is_default: bool | None = None


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    url = serializers.HyperlinkedIdentityField(view_name="saved-view-detail")
    team = serializers.CharField(source="team.slug", read_only=True, allow_null=True, default=None)
    owner = serializers.CharField(source="owner.username", read_only=True)
    query = serializers.DictField(child=serializers.CharField(), read_only=True, help_text="Parameters of the fleet.")

    class Meta:
        model = SavedView
        fields = ["id", "url", "name", "query", "team", "owner", "is_default", "created_at", "updated_at"]
        read_only_fields = fields


class SavedViewViewSet(
    PortalAPIMixin,
    ByIdMixin[SavedView],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[SavedView],
):
    """Saved views: your own, and those shared with your teams."""

    queryset = SavedView.objects.none()
    serializer_class = SavedViewSerializer
    filter_backends = PAGERS
    ordering = "-pk"

    def get_queryset(self) -> SavedViewQuerySet:
        rows: SavedViewQuerySet = SavedView.objects.visible_to(user_of(self.request))
        return rows.select_related("team", "owner")

    @extend_schema(request=NewView, responses={201: SavedViewSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Save a lens, filters and an ordering under a name."""
        asked, actor = parse(NewView, request.data), user_of(request)
        team = _team(asked.team, actor)
        settings = ViewSettings(asked.name, _choice(asked.query, request), team, asked.is_default)
        body = self.get_serializer(save_view(actor=actor, settings=settings)).data
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})

    @extend_schema(request={"application/json": ViewChanges}, responses=SavedViewSerializer)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Rename or share the view, change its filters, or make it your default. For its owner and team admins."""
        view, actor = self.get_object(), user_of(request)
        asked = parse(ViewChanges, request.data)
        settings = ViewSettings(
            asked.name or view.name,
            view.query if asked.query is None else _choice(asked.query, request),
            _team(asked.team, actor) if "team" in asked.model_fields_set else view.team,
            view.is_default if asked.is_default is None else asked.is_default,
        )
        changed = change_view(view=view, settings=settings, actor=actor)
        return Response(self.get_serializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Delete the view. For its owner and team admins."""
        delete_view(view=self.get_object(), actor=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _choice(query: FleetQuery, request: Request) -> dict[str, str]:
    try:
        return choice_of(query.model_dump(), request)
    except Invalid as invalid:
        raise Invalid({f"query.{name}": texts for name, texts in invalid.fields.items()}) from None


def _team(slug: str | None, actor: User) -> Team | None:
    if slug is None:
        return None
    team = Team.objects.visible_to(actor).filter(slug=slug).first()
    if team is None:
        raise Invalid({"team": [f"There is no team {slug}."]})
    return team
