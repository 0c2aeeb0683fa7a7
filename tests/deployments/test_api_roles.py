"""Every route of the API, for every role: nobody gets a 500, and strangers see nothing."""

import re
import uuid
from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone
from drf_spectacular.generators import EndpointEnumerator
from rest_framework.test import APIClient

from deployments.models import Approval, Deployment, Freeze, Notice, Policy, Run, StateVersion, TestRequest
from deployments.runs.statuses import RunStatus
from monitoring.alerts.reporting import report
from monitoring.models import Alert, AlertRoute, AlertRule, LabelSource, Receiver, SavedView
from monitoring.watched.states import Standing
from tests.deployments.conftest import give_plan, make_deployment, make_run
from tests.deployments.pricing.price_tables import make_prices
from tests.undoing import undone
from web.crypto import encrypt

pytestmark = pytest.mark.django_db

SECRET = "only-for-the-team"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What is shown to everybody who is signed in.
OF_ALL = {"environments", "policies", "prices"}
OPEN_TO_ALL = {"/api/v1/schema/", "/api/v1/docs/"}
# Answers what is asked, and has nothing to list.
NO_LIST = {"/api/v1/estimates/", "/api/v1/endpoints/adopt/", "/api/v1/endpoints/unmanaged/refresh/"}


def operations():
    """(path, method) of all that the API's router offers, with {names} for parameters."""
    found = {(path, method) for path, _, method, _ in EndpointEnumerator().get_api_endpoints()}
    found |= {(path, "GET") for path in OPEN_TO_ALL}
    return sorted(operation for operation in found if operation[0].startswith("/api/v1/"))


def paths():
    return sorted({path for path, _ in operations()})


@pytest.fixture
def objects(model_version, team, deployer):
    """One of everything that belongs to the team, by the parameter that names it."""
    deployment = make_deployment(model_version, deployer, SECRET)
    run = make_run(deployment, RunStatus.APPROVAL, message=SECRET)
    give_plan(run, show={"secret": SECRET})
    freeze = Freeze.objects.create(
        scope="team", team=team, reason=SECRET, ends_at=timezone.now() + timedelta(hours=1), created_by=deployer
    )
    asked = TestRequest.objects.create(deployment=deployment, requested_by=deployer, body={"inputs": [SECRET]})
    state = StateVersion.objects.create(
        deployment=deployment,
        fencing=1,
        serial=1,
        lineage=SECRET,
        sha256="0" * 64,
        size_bytes=1,
        ciphertext=encrypt(b'{"outputs": {}}'),
    )
    return {
        "deployments": deployment.pk,
        "states": state.pk,
        "runs": run.pk,
        "test-requests": asked.pk,
        "models": model_version.model.full_name,
        "versions": model_version.version,
        "teams": team.slug,
        "members": deployer.username,
        "environments": "staging",
        "policies": Policy.objects.create(rule="owner_team", risk="low", level="advisory").pk,
        "freezes": freeze.pk,
        "notices": Notice.objects.create(user=deployer, run=run, message=SECRET).pk,
        "prices": make_prices().pk,
        "tokens": uuid.uuid4(),
        **_alerts_of(deployment),
        "quality": _labels_of(deployment).pk,
        "views": SavedView.objects.create(owner=deployer, team=team, name=SECRET, query={"lens": "health"}).pk,
    }


def _labels_of(deployment):
    named = {"table": SECRET, "id_column": "id", "label_column": "label", "kind": "classification"}
    return LabelSource.objects.create(
        deployment=deployment, updated_by=deployment.created_by, updated_at=timezone.now(), **named
    )


def _alerts_of(deployment):
    alert = report(deployment, "drift", Standing.FAILING, SECRET, {})
    assert alert is not None
    receiver = Receiver.objects.create(
        team=deployment.team,
        name=SECRET,
        kind="webhook",
        address=encrypt(b"json://h"),
        created_by=deployment.created_by,
    )
    route = AlertRoute.objects.create(team=deployment.team, receiver=receiver)
    return {"alerts": alert.pk, "receivers": receiver.pk, "alert-routes": route.pk}


def fill(path, objects):
    """``path`` with each parameter replaced by the object of the collection that it stands in."""
    words = path.split("/")
    for position, word in enumerate(words):
        if re.fullmatch(r"\{\w+\}", word):
            words[position] = str(objects[words[position - 1]])
    return "/".join(words)


def test_every_parameter_of_every_path_is_filled(objects):
    filled = [fill(path, objects) for path in paths()]
    assert len(filled) > 25
    assert not [path for path in filled if "{" in path]


def test_nobody_unknown_gets_anything(objects):
    for path in set(paths()) - OPEN_TO_ALL:
        for method in METHODS:
            answer = APIClient().generic(method, fill(path, objects), "{}", content_type="application/json")
            assert answer.status_code == 401, (path, method, answer.content)


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "stranger", "admin"])
def test_nobody_gets_an_error_of_ours(name, objects, request, api_as):
    client = api_as(request.getfixturevalue(name))
    for path, method in operations():
        # The document is the same for everybody, and takes a second each time.
        if path in OPEN_TO_ALL and name != "admin":
            continue
        # What is no body is read the same for everybody who gets that far, and not at all by a GET.
        is_read = method != "GET" and name == "deployer"
        with undone():
            for body in ("{}", "[]", "nonsense", "") if is_read else ("{}",):
                answer = client.generic(method, fill(path, objects), body, content_type="application/json")
                assert answer.status_code < 500, (path, method, body)


def test_a_method_that_is_not_offered_is_refused_as_such(objects, admin, api_as):
    client, offered = api_as(admin), operations()
    for path, method in product(paths(), METHODS):
        if (path, method) not in offered:
            answer = client.generic(method, fill(path, objects), "{}", content_type="application/json")
            assert answer.status_code == 405, (path, method)


def test_every_path_answers_head_as_get_and_fails_on_no_options(objects, owner, api_as):
    """For what exists; addresses of what does not are in tests/meta/test_methods.py."""
    client = api_as(owner)
    for url in [fill(path, objects) for path in paths()]:
        assert client.head(url).status_code == client.get(url).status_code, url
        assert client.options(url).status_code < 500, url


def test_a_stranger_finds_nothing_and_changes_nothing(objects, stranger, api_as):
    client = api_as(stranger)
    before, offered = content(), operations()
    for path in paths():
        if "{" not in path or OF_ALL & set(path.split("/")):
            continue
        with undone():
            for method in METHODS:
                bodies = ({}, {"reason": "x"}, {"kind": "destroy"}) if (path, method) in offered else ({},)
                for body in bodies:
                    answer = client.generic(method, fill(path, objects), _json(body), content_type="application/json")
                    assert answer.status_code in (404, 405), (path, method, answer.content)
                    assert SECRET not in answer.content.decode(), (path, method)
            assert content() == before, path


def content():
    """Every row that belongs to somebody."""
    tables = (
        Deployment,
        Run,
        TestRequest,
        Approval,
        Freeze,
        Notice,
        Alert,
        AlertRoute,
        AlertRule,
        Receiver,
        LabelSource,
        SavedView,
    )
    return [list(table.objects.values()) for table in tables]


def _json(body):
    return str(body).replace("'", '"')


def test_no_list_shows_a_stranger_what_is_the_teams(objects, stranger, api_as):
    client = api_as(stranger)
    lists = [path for path in paths() if "{" not in path and path not in OPEN_TO_ALL | NO_LIST]
    assert len(lists) > 15
    for path in lists:
        answer = client.get(path)
        assert answer.status_code == 200, path
        for word in (SECRET, "card_fraud", '"fraud"', '"deployer"'):
            assert word not in answer.content.decode(), path


def test_the_team_sees_what_a_stranger_does_not(objects, viewer, api_as):
    """The test above would pass for an API that shows nothing at all."""
    for path in ("/api/v1/deployments/", "/api/v1/runs/", "/api/v1/models/"):
        assert "card_fraud" in api_as(viewer).get(path).content.decode()


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "admin"])
def test_every_member_reads(name, objects, request, api_as):
    client = api_as(request.getfixturevalue(name))
    for path in ("deployments/{id}/", "runs/{id}/", "runs/{id}/plan/", "runs/{id}/events/"):
        assert client.get(fill(f"/api/v1/{path}", objects)).status_code == 200, path
