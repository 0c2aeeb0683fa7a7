"""API of teams and their members."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from accounts.teams.budgets import set_budget
from accounts.teams.members import add_member, change_role, remove_member
from accounts.teams.models import Membership, Team, TeamQuerySet
from accounts.teams.serializers import (
    BudgetSerializer,
    MembershipSerializer,
    NewMemberSerializer,
    RoleSerializer,
    TeamDetailSerializer,
    TeamSerializer,
)
from web.api import PortalAPIMixin

USERNAME = OpenApiParameter("username", str, OpenApiParameter.PATH)


class TeamViewSet(PortalAPIMixin, viewsets.ReadOnlyModelViewSet[Team]):
    """The teams you are a member of; all teams for a platform admin."""

    queryset = Team.objects.none()
    lookup_field = "slug"
    lookup_value_regex = "[-A-Za-z0-9_]+"
    search_fields = ["slug", "name"]
    ordering_fields = ["slug", "name", "created_at"]
    ordering = "slug"

    def get_queryset(self) -> TeamQuerySet:
        teams = Team.objects.visible_to(user_of(self.request))
        if self.action == "list":
            return teams
        members = Membership.objects.select_related("user").order_by("user__username")
        return teams.prefetch_related(Prefetch("memberships", members))

    def get_serializer_class(self) -> Any:
        return TeamSerializer if self.action == "list" else TeamDetailSerializer

    @extend_schema(request={"application/json": BudgetSerializer}, responses=TeamDetailSerializer)
    def partial_update(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Set the team's monthly budget. Requires a platform admin."""
        team = self.get_object()
        asked = BudgetSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        team = set_budget(actor=user_of(request), team=team, **asked.validated_data)
        return Response(TeamDetailSerializer(team).data)

    @extend_schema(request=NewMemberSerializer, responses={201: MembershipSerializer})
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def members(self, request: Request, slug: str) -> Response:
        """Add a member. Requires a team admin."""
        team = self.get_object()
        asked = NewMemberSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        membership = add_member(actor=user_of(request), team=team, **asked.validated_data)
        return Response(MembershipSerializer(membership).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[USERNAME], request=RoleSerializer, responses=MembershipSerializer)
    @action(
        detail=True,
        methods=["patch"],
        url_path=r"members/(?P<username>[^/\x00]+)",
        filter_backends=[],
        url_name="member",
    )
    def member(self, request: Request, slug: str, username: str) -> Response:
        """Change the role of a member. Requires a team admin."""
        membership = self._membership(username)
        asked = RoleSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changed = change_role(actor=user_of(request), membership=membership, role=asked.validated_data["role"])
        return Response(MembershipSerializer(changed).data)

    @extend_schema(parameters=[USERNAME], responses={204: None})
    @member.mapping.delete
    def remove(self, request: Request, slug: str, username: str) -> Response:
        """Remove a member, which requires a team admin, or leave the team yourself."""
        remove_member(actor=user_of(request), membership=self._membership(username))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _membership(self, username: str) -> Membership:
        members = Membership.objects.select_related("team", "user")
        return get_object_or_404(members, team=self.get_object(), user__username=username)
