"""Editing policies: versions, who may, and two who edit at once."""

import pytest
from django.core.exceptions import PermissionDenied

from deployments.models import Policy, PolicyVersion
from deployments.policies import services
from tests.deployments.policies.holding import only
from tests.deployments.racing import at_once
from web.errors import Invalid, Refused

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SIZE = {"max_size": "Medium", "allow_gpu": True}


def create(actor, **values):
    given = {"rule": "workload_size", "place": {}, "level": "advisory", "parameters": SIZE, "reason": ""}
    return services.create_policy(actor=actor, **{**given, **values})


def edit(policy, actor, **values):
    given = {"version": policy.version, "level": "mandatory", "parameters": SIZE, "reason": ""}
    return services.edit_policy(policy=policy, actor=actor, **{**given, **values})


def invalid(*fields):
    return pytest.raises(Invalid, check=lambda refusal: set(refusal.fields) == set(fields))


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "stranger"])
def test_only_platform_admins_edit(name, request):
    person = request.getfixturevalue(name)
    with pytest.raises(PermissionDenied):
        create(person)
    with pytest.raises(PermissionDenied):
        edit(only("workload_size"), person)
    assert PolicyVersion.objects.count() == 1


def test_an_edit_is_a_new_version_and_the_old_one_stays(admin):
    policy = create(admin, reason="to begin with")
    edited = edit(policy, admin, parameters={"max_size": "Large", "allow_gpu": False}, reason=" we grew ")
    assert (edited.version, edited.level, edited.parameters["max_size"]) == (2, "mandatory", "Large")
    new, old = edited.versions.all()
    assert (new.number, new.level, new.reason, new.created_by) == (2, "mandatory", "we grew", admin)
    assert (old.number, old.level, old.parameters, old.reason) == (1, "advisory", SIZE, "to begin with")
    assert Policy.objects.get().level == "mandatory"


def test_an_edit_of_what_has_changed_meanwhile_is_refused(admin):
    policy = create(admin)
    edit(policy, admin)
    with pytest.raises(Refused, check=lambda refusal: refusal.code == "policy_changed"):
        edit(policy, admin, version=1, level="off")
    assert Policy.objects.get().level == "mandatory"


@pytest.mark.django_db(transaction=True)
def test_of_many_edits_at_once_one_wins(admin):
    policy = create(admin)
    levels = ["off", "advisory", "overridable", "mandatory"]
    results = at_once(*(lambda level=level: edit(policy, admin, level=level) for level in levels))
    assert sorted(type(result).__name__ for result in results) == ["Policy"] + ["Refused"] * 3
    assert PolicyVersion.objects.count() == 2
    kept = Policy.objects.get()
    assert kept.level == kept.versions.all()[0].level


def test_a_place_has_one_policy_of_a_rule(admin, environment):
    place = {"environment": "staging", "risk": "high", "change": "create"}
    create(admin, place=place)
    create(admin, place={**place, "risk": "low"})
    with invalid("rule"):
        create(admin, place=place)


def test_what_a_policy_names_has_to_be_there(admin):
    with invalid("rule", "environment", "risk", "change"):
        create(admin, rule="nonsense", place={"environment": "mars", "risk": "huge", "change": "explode"})
    with invalid("level"):
        create(admin, level="harsh")


@pytest.mark.parametrize(
    ("parameters", "fields"),
    [
        ({}, ["parameters.max_size", "parameters.allow_gpu"]),
        ({"max_size": "Huge", "allow_gpu": True}, ["parameters.max_size"]),
        ({"max_size": "Small", "allow_gpu": "yes"}, ["parameters.allow_gpu"]),
        ({**SIZE, "more": 1}, ["parameters.more"]),
    ],
)
def test_parameters_are_those_of_the_rule(admin, parameters, fields):
    with invalid(*fields):
        create(admin, parameters=parameters)
    with invalid(*fields):
        edit(only("workload_size"), admin, parameters=parameters)
    assert PolicyVersion.objects.count() == 1
