"""Where the wizard can be entered, with what it begins, and by whom."""

import pytest
from django.urls import reverse

from accounts.teams.roles import Role
from deployments.models import Draft, Run
from tests.deployments.conftest import make_run
from tests.deployments.wizard.answering import ANSWERS, START, post, step_url, text_of
from tests.factories import MembershipFactory, ModelVersionFactory

pytestmark = pytest.mark.django_db


# -- start -----------------------------------------------------------------------------------------


def test_a_link_from_the_catalog_starts_at_the_target(client, model_version, deployer):
    client.force_login(deployer)
    url = f"{START}?model=staging.fraud.card_fraud&version=3"
    answer = client.get(url)
    draft = Draft.objects.get()
    assert answer.headers["Location"] == step_url(draft, "target")
    assert 'value="card-fraud"' in text_of(client.get(answer.headers["Location"]))
    assert client.get(url).headers["Location"] == step_url(draft, "target")
    assert Draft.objects.count() == 1


def test_an_update_starts_with_the_spec_of_the_deployment(client, deployment, deployer, model_version):
    ModelVersionFactory.create(model=model_version.model, version=4)
    client.force_login(deployer)
    client.get(f"{START}?deployment={deployment.pk}")
    draft = Draft.objects.get()
    assert draft.answers["name"] == "card-fraud"
    page = text_of(post(client, draft, "model", {"version": "4"}, headers={}) and client.get(step_url(draft, "review")))
    assert "What changes" in page
    post(client, draft, "review")
    run = Run.objects.get()
    assert run.deployment == deployment
    assert run.spec["version"] == "4"


def test_an_update_changes_neither_name_nor_model(client, deployment, deployer):
    client.force_login(deployer)
    client.get(f"{START}?deployment={deployment.pk}")
    draft = Draft.objects.get()
    post(client, draft, "target", {**ANSWERS["target"], "name": "another"})
    draft.refresh_from_db()
    assert draft.answers["name"] == "card-fraud"


def test_run_again_leads_to_a_review_with_the_spec_of_that_run(client, deployment, deployer):
    run = make_run(deployment, "succeeded")
    client.force_login(deployer)
    answer = client.get(f"{START}?from_run={run.pk}")
    draft = Draft.objects.get()
    assert answer.headers["Location"] == step_url(draft, "review")
    assert draft.deployment == deployment


@pytest.mark.parametrize(
    ("query", "status"),
    [("deployment=x", 404), ("deployment=999999", 404), ("from_run=", 404), ("model=a%00b", 404), ("model=a", 302)],
)
def test_an_odd_link_is_no_error(client, model_version, deployer, query, status):
    client.force_login(deployer)
    assert client.get(f"{START}?{query}").status_code == status


def test_open_drafts_are_listed_and_can_be_deleted(client, answered, deployer):
    assert "card-fraud" in text_of(client.get(START))
    delete = reverse("deployments:wizard_delete", args=[answered.pk])
    assert "Delete this draft?" in text_of(client.get(delete))
    assert client.post(delete).headers["Location"] == START
    assert "No open drafts" in text_of(client.get(START))


# -- who -------------------------------------------------------------------------------------------


def test_anonymous_visitors_are_sent_to_the_login(client, draft):
    client.logout()
    for url in (START, step_url(draft, "model"), step_url(draft, "review")):
        assert client.get(url).headers["Location"].startswith(reverse("login"))
        assert client.post(url).headers["Location"].startswith(reverse("login"))


def test_a_draft_is_its_owner_s_alone(client, draft, owner, stranger, admin):
    for person in (owner, stranger, admin):
        client.force_login(person)
        for step in ("model", "review"):
            assert client.get(step_url(draft, step)).status_code == 404
        assert client.post(reverse("deployments:wizard_delete", args=[draft.pk])).status_code == 404
        assert client.post(step_url(draft, "model"), ANSWERS["model"] | {"revision": 0}).status_code == 404
    assert Draft.objects.filter(pk=draft.pk, revision=0).exists()


@pytest.mark.parametrize("who", ["viewer", "approver"])
def test_those_who_may_not_deploy_cannot_start(client, request, who, model_version, deployment):
    client.force_login(request.getfixturevalue(who))
    assert client.post(START).status_code == 403
    answer = client.get(f"{START}?deployment={deployment.pk}")
    assert answer.status_code == 403
    assert "role deployer" in text_of(answer)
    assert not Draft.objects.exists()


def test_a_deployer_of_another_team_cannot_update_what_he_only_sees(client, deployment, team, stranger):
    MembershipFactory.create(user=stranger, team=team, role=Role.VIEWER)
    client.force_login(stranger)
    assert client.get(f"{START}?deployment={deployment.pk}").status_code == 403


def test_a_deployment_of_another_team_is_not_found(client, deployment, stranger):
    client.force_login(stranger)
    assert client.get(f"{START}?deployment={deployment.pk}").status_code == 404


def test_who_lost_the_role_meanwhile_cannot_deploy(client, answered, deployer):
    deployer.memberships.update(role=Role.VIEWER)
    answer = post(client, answered, "review")
    assert answer.status_code == 422
    assert "ask a team admin" in text_of(answer)
    assert not Run.objects.exists()
