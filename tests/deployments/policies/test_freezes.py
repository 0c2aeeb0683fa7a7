"""Freezing and lifting: who may, for how long, and who goes on afterwards."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.utils import timezone

from deployments.models import Freeze
from deployments.policies import freezes
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.policies.holding import freeze
from web.errors import Invalid, Refused

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def create(actor, **values):
    given = {"reason": "end of the year", "ends_at": timezone.now() + HOUR}
    return freezes.create_freeze(actor=actor, **{**given, **values})


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "stranger"])
def test_only_platform_admins_freeze_and_lift(name, team, admin, request):
    person = request.getfixturevalue(name)
    with pytest.raises(PermissionDenied):
        create(person, team=team)
    frozen = freeze(admin)
    with pytest.raises(PermissionDenied):
        freezes.lift_freeze(freeze=frozen, actor=person)
    assert list(Freeze.objects.active()) == [frozen]


def test_what_is_frozen_has_its_scope_and_its_words(admin, environment, team):
    everything, one, ours = create(admin), create(admin, environment=environment), create(admin, team=team)
    assert [(row.scope, row.subject) for row in (everything, one, ours)] == [
        ("all", "everything"),
        ("environment", "Staging"),
        ("team", "Fraud"),
    ]
    assert all(row.created_by == admin and row.is_active for row in (everything, one, ours))
    assert LogEntry.objects.get_for_object(ours).get().action == LogEntry.Action.CREATE


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"ends_at": timezone.now() - timedelta(seconds=1)}, "ends_at"),
        ({"ends_at": timezone.now() + timedelta(days=30, hours=1)}, "ends_at"),
    ],
)
def test_a_freeze_has_a_reason_and_an_end_that_is_near(admin, values, field):
    with pytest.raises(Invalid, check=lambda refusal: set(refusal.fields) == {field}):
        create(admin, **values)
    assert not Freeze.objects.exists()


def test_a_freeze_is_of_one_thing(admin, environment, team):
    with pytest.raises(Invalid, check=lambda refusal: set(refusal.fields) == {"team"}):
        create(admin, environment=environment, team=team)
    with pytest.raises(IntegrityError):
        Freeze.objects.create(scope="all", team=team, reason="x", ends_at=timezone.now(), created_by=admin)


def test_lifting_sends_on_who_waited_for_it_and_nobody_else(
    model_version, deployer, admin, team, other_team, sent, django_capture_on_commit_callbacks
):
    later = timezone.now() + HOUR

    def run(status, **values):
        name = f"e{model_version.model.deployments.count()}"
        return make_run(make_deployment(model_version, deployer, name), status, **{"wake_at": later, **values})

    waits = run(RunStatus.APPLY)
    run(RunStatus.APPLY, apply_started_at=timezone.now())
    run(RunStatus.ENDPOINT)
    foreign = make_deployment(model_version, deployer, "foreign")
    foreign.team = other_team
    foreign.save()
    make_run(foreign, RunStatus.APPLY, wake_at=later)
    frozen = freeze(admin, team=team)
    with django_capture_on_commit_callbacks(execute=True):
        freezes.lift_freeze(freeze=frozen, actor=admin)
    assert sent == [("advance_run", waits.pk)]
    waits.refresh_from_db()
    assert waits.wake_at is None
    assert (frozen.lifted_by, frozen.is_active) == (admin, False)
    entry = LogEntry.objects.get_for_object(frozen).filter(action=LogEntry.Action.UPDATE).get()
    assert (entry.actor, entry.changes) == (admin, {"lifted_by": ["None", "admin"]})


@pytest.mark.parametrize("values", [{"hours": -1}, {"lifted_at": timezone.now()}])
def test_what_is_over_is_not_lifted(admin, values):
    with pytest.raises(Refused, check=lambda refusal: refusal.code == "not_active"):
        freezes.lift_freeze(freeze=freeze(admin, **values), actor=admin)


def test_a_team_sees_its_freezes_and_no_others(admin, viewer, stranger, team, environment):
    everything, ours = freeze(admin), freeze(admin, team=team)
    there = freeze(admin, environment=environment)
    assert set(Freeze.objects.visible_to(viewer)) == {everything, ours, there}
    assert set(Freeze.objects.visible_to(stranger)) == {everything, there}
    assert set(Freeze.objects.visible_to(admin)) == {everything, ours, there}
