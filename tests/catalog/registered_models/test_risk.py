"""The risk tier of a model: the team's own word, which policies read."""

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from catalog.models import RegisteredModel

pytestmark = pytest.mark.django_db
API = "/api/v1/models/staging.fraud.card_fraud/"
PAGE = reverse("catalog:model", args=["staging.fraud.card_fraud"])
FORM = reverse("catalog:risk", args=["staging.fraud.card_fraud"])
MAY = {"owner", "admin"}


def risk_now():
    return RegisteredModel.objects.get(full_name="staging.fraud.card_fraud").risk


def test_a_model_is_of_medium_risk_until_somebody_says_otherwise(registered_model, viewer, api_as):
    assert registered_model.risk == "medium"
    assert api_as(viewer).get(API).json()["risk"] == "medium"


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "admin"])
def test_team_admins_say_how_risky_a_model_is(name, registered_model, client, api_as, request):
    person = request.getfixturevalue(name)
    answer = api_as(person).patch(API, {"risk": "high"}, format="json")
    assert answer.status_code == (200 if name in MAY else 403)
    assert risk_now() == ("high" if name in MAY else "medium")
    client.force_login(person)
    assert (FORM in client.get(PAGE).content.decode()) is (name in MAY)
    assert client.post(FORM, {"risk": "critical"}).status_code == (302 if name in MAY else 403)
    assert risk_now() == ("critical" if name in MAY else "medium")


def test_a_change_is_in_the_audit_trail_and_no_change_is_not(registered_model, owner, api_as):
    for risk in ("high", "high"):
        assert api_as(owner).patch(API, {"risk": risk}, format="json").json()["risk"] == "high"
    entry = LogEntry.objects.get_for_object(registered_model).get()
    assert (entry.actor, entry.changes) == (owner, {"risk": ["medium", "high"]})


@pytest.mark.parametrize("body", [{}, {"risk": "huge"}, {"risk": None}, {"risk": ["high"]}, []])
def test_what_is_no_tier_is_refused_by_the_api(body, registered_model, owner, api_as):
    answer = api_as(owner).patch(API, body, format="json")
    assert answer.status_code == 400
    assert risk_now() == "medium"


@pytest.mark.parametrize("body", [{}, {"risk": "huge"}])
def test_what_is_no_tier_is_refused_by_the_page(body, registered_model, owner, client):
    client.force_login(owner)
    answer = client.post(FORM, body, follow=True)
    assert "Choose one of: low, medium, high, critical." in answer.content.decode()
    assert risk_now() == "medium"


def test_a_stranger_finds_no_model(registered_model, stranger, client, api_as):
    client.force_login(stranger)
    assert client.post(FORM, {"risk": "low"}).status_code == 404
    assert api_as(stranger).patch(API, {"risk": "low"}, format="json").status_code == 404
