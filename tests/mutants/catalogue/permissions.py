"""Who sees what, and who may do what."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="permission-of-any-team-is-enough",
        function="can",
        text=".filter(pk=team.pk)",
        replacement="",
        tests=("test_who_may_decide",),
    ),
    Mutant(
        key="permission-of-every-role",
        function="teams_where",
        text=", memberships__role__in=roles_allowing(action)",
        replacement="",
        tests=("test_who_may_change_a_deployment", "test_who_may_decide"),
    ),
    Mutant(
        key="permission-runs-of-all-teams-are-visible",
        function="RunQuerySet.visible_to",
        text="self.filter(deployment__team__in=Team.objects.visible_to(user))",
        replacement="self",
        tests=("test_people_see_the_runs_and_deployments_of_their_teams", "test_strangers_see_no_runs"),
    ),
    Mutant(
        key="permission-freezes-of-all-teams-are-visible",
        function="FreezeQuerySet.visible_to",
        text="Q(team__in=Team.objects.visible_to(user))",
        replacement="Q(team__isnull=False)",
        tests=("test_a_team_sees_its_freezes_and_no_others",),
    ),
    Mutant(
        key="permission-read-tokens-write",
        function="TokenAuthentication.authenticate",
        text="request.method not in SAFE_METHODS",
        replacement='request.method == "DELETE"',
        tests=("test_a_read_token_is_refused_for_every_method_that_changes_something",),
    ),
    Mutant(
        key="permission-states-for-every-member",
        function="StateVersionViewSet.get_queryset",
        text="Action.DEPLOY",
        replacement="Action.VIEW",
        tests=("test_states_are_for_those_who_may_deploy",),
    ),
)
