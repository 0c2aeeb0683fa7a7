"""The wizard, through the Django client: the way to a run, and what can go wrong on it."""

import json
from datetime import timedelta

import pytest
import yaml
from django.urls import reverse

from accounts.teams.roles import Role
from catalog.models import ModelVersionStatus
from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, Draft, Run
from deployments.wizard.steps import STEP_FORMS
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.page_text import HTMX
from tests.deployments.wizard.answering import ANSWERS, answer_all, post, step_url, text_of
from tests.factories import EnvironmentFactory, MembershipFactory, ModelVersionFactory, RegisteredModelFactory

pytestmark = pytest.mark.django_db


# -- to the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_steps_lead_to_one_run(client, draft, deployer, sent, headers, django_capture_on_commit_callbacks):
    answer_all(client, draft, headers)
    with django_capture_on_commit_callbacks(execute=True):
        answer = post(client, draft, "review", headers=headers)
    run = Run.objects.get()
    assert answer.headers["Location"] == reverse("deployments:run", args=[run.pk])
    assert sent == [("advance_run", run.pk)]
    assert run.requested_by == deployer
    assert run.spec["compute"] == {"workload_type": "CPU", "workload_size": "Medium", "scale_to_zero": True}
    assert run.spec["env_vars"] == {"MODE": "strict", "API_TOKEN": "{{secrets/fraud/token}}"}
    assert run.spec["tags"] == {"project": "chargebacks"}
    assert run.spec["monitoring"]["critical"] == ["amount"]
    assert run.spec["monitoring"]["drift_threshold"] == 0.25
    assert not Draft.objects.exists()


def test_sending_the_review_twice_gives_one_run(client, answered):
    revision = answered.revision
    first = post(client, answered, "review")
    second = client.post(step_url(answered, "review"), {"revision": revision, "go": "next"})
    assert first.headers["Location"] == reverse("deployments:run", args=[Run.objects.get().pk])
    assert second.headers["Location"] == f"{reverse('deployments:runs')}?mine=me"
    assert Deployment.objects.count() == 1


def test_an_alias_is_pinned_by_the_run(client, draft, model_version):
    model_version.aliases = ["champion"]
    model_version.save()
    post(client, draft, "model", {**ANSWERS["model"], "version": "@champion"})
    for step in ("target", "rollout", "monitoring"):
        post(client, draft, step)
    assert "@champion is pinned to version 3" in text_of(client.get(step_url(draft, "review")))
    post(client, draft, "review")
    assert Run.objects.get().spec["version"] == "3"


def test_the_yaml_of_the_review_is_the_spec_of_the_run(client, answered):
    answer = client.get(reverse("deployments:wizard_yaml", args=[answered.pk]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="card-fraud.yaml"'
    told = parse_spec(yaml.safe_load(answer.content))
    post(client, answered, "review")
    assert told.as_json() == Run.objects.get().spec


def test_the_api_takes_the_json_that_the_review_shows(client, answered, api_as, deployer):
    samples = client.get(step_url(answered, "review")).context["samples"]
    shown = json.loads(next(sample["code"] for sample in samples if sample["label"] == "JSON"))
    answer = api_as(deployer).post("/api/v1/deployments/", shown, format="json")
    assert answer.status_code == 201
    assert Run.objects.get().spec == shown


# -- each step -------------------------------------------------------------------------------------


def test_the_wizard_shows_what_was_answered_before(client, answered):
    page = text_of(client.get(step_url(answered, "target")))
    assert 'value="card-fraud"' in page
    assert 'value="{{secrets/fraud/token}}"' in page
    assert 'value="0.25"' in text_of(client.get(step_url(answered, "monitoring")))


def test_going_back_keeps_what_was_typed(client, draft):
    post(client, draft, "model")
    answer = post(client, draft, "target", go="back")
    assert answer.headers["Location"] == step_url(draft, "model")
    draft.refresh_from_db()
    assert draft.answers["name"] == "card-fraud"
    assert "target" not in draft.done


def test_a_step_that_is_not_open_yet_leads_to_the_one_that_is(client, draft):
    for step in ("target", "rollout", "monitoring", "review"):
        assert client.get(step_url(draft, step)).headers["Location"] == step_url(draft, "model")


def test_a_step_that_does_not_exist_is_not_found(client, draft):
    assert client.get(step_url(draft, "nowhere")).status_code == 404


def test_all_that_is_wrong_with_a_step_is_said_at_once_beside_its_fields(client, draft, deployment):
    post(client, draft, "model")
    wrong = {**ANSWERS["target"], "workload_size": "Huge", "env_vars_value": ["a", "", "plain"]}
    answer = post(client, draft, "target", wrong)
    page = text_of(answer)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert set(form.errors) == {"name", "workload_size", "env_vars"}
    assert "The name is taken" in page
    assert "looks like a secret" in page
    assert 'href="#id_name"' in page
    assert not Run.objects.exists()


def test_what_looks_like_a_secret_is_shown_again_and_not_stored(client, draft):
    post(client, draft, "model")
    wrong = {**ANSWERS["target"], "env_vars_name": ["PASSWORD"], "env_vars_value": ["hunter2"]}
    assert 'value="hunter2"' in text_of(post(client, draft, "target", wrong))
    draft.refresh_from_db()
    assert "hunter2" not in json.dumps(draft.data)
    assert draft.answers["compute"]["workload_size"] == "Medium"


@pytest.mark.parametrize(
    ("step", "wrong", "field"),
    [
        ("model", {"environment": "nowhere"}, "environment"),
        ("model", {"model": "staging.fraud.none"}, "model"),
        ("model", {"model": ""}, "model"),
        ("model", {"version": "9"}, "version"),
        ("model", {"version": "three"}, "version"),
        ("target", {"name": "-card-"}, "name"),
        ("target", {"name": "x" * 64}, "name"),
        ("target", {"name": "a\x00b"}, "name"),
        ("target", {"workload_type": "TPU"}, "workload_type"),
        ("target", {"tags_name": ["team"]}, "tags"),
        ("target", {"tags_name": ["a", "a"], "tags_value": ["1", "2"]}, "tags"),
        ("rollout", {"strategy": "magic"}, "strategy"),
        ("monitoring", {"drift_threshold": "much"}, "drift_threshold"),
        ("monitoring", {"drift_threshold": "nan"}, "drift_threshold"),
        ("monitoring", {"drift_threshold": "-1"}, "drift_threshold"),
        ("monitoring", {"drift_metric": "guess"}, "drift_metric"),
        ("monitoring", {"critical": ["nonsense"]}, "critical"),
    ],
)
def test_a_wrong_answer_stays_on_its_step(client, answered, step, wrong, field):
    answer = post(client, answered, step, {**ANSWERS[step], **wrong})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert 'aria-invalid="true"' in text_of(answer) or "sw-error" in text_of(answer)


def test_features_of_another_model_are_forgotten(client, answered, workspace, team):
    other = RegisteredModelFactory.create(workspace=workspace, team=team, name="refunds")
    ModelVersionFactory.create(model=other, version=1)
    post(client, answered, "model", {**ANSWERS["model"], "model": other.full_name, "version": "1"})
    answered.refresh_from_db()
    assert answered.answers["monitoring"]["critical"] == []


def test_every_step_of_the_wizard_that_asks_has_a_form():
    assert list(STEP_FORMS) == ["model", "target", "rollout", "monitoring"]


# -- choices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {**HTMX, "HX-Target": "model-choices"}])
def test_choices_follow_what_is_chosen_and_nothing_is_saved(client, draft, workspace, team, headers):
    EnvironmentFactory.create(slug="prod", catalog_name="prod", workspace=workspace)
    ready = RegisteredModelFactory.create(workspace=workspace, team=team, name="refunds", catalog_name="prod")
    ModelVersionFactory.create(model=ready, version=7, metrics={"auc": 0.91}, aliases=["champion"])
    ModelVersionFactory.create(model=ready, version=8, status=ModelVersionStatus.PENDING)
    chosen = {"environment": "prod", "q": "refund", "model": "prod.fraud.refunds"}
    page = text_of(post(client, draft, "model", chosen, go="refresh", headers=headers))
    assert ("<html" in page) == (not headers)
    assert "staging.fraud.card_fraud" not in page
    assert 'value="@champion" checked' in page
    assert "currently version 7" in page
    assert 'value="8" disabled' in page
    assert "0.91" in page
    draft.refresh_from_db()
    assert draft.revision == 0


def test_only_models_that_one_may_deploy_are_offered(client, draft, workspace, other_team, deployer):
    MembershipFactory.create(user=deployer, team=other_team, role=Role.VIEWER)
    RegisteredModelFactory.create(workspace=workspace, team=other_team, name="price")
    page = text_of(client.get(step_url(draft, "model")))
    assert "staging.fraud.card_fraud" in page
    assert "staging.pricing.price" not in page


@pytest.mark.parametrize(("name", "target"), [("env_vars", "pairs-env_vars"), ("tags", "pairs-tags")])
@pytest.mark.parametrize("htmx", [True, False])
def test_add_gives_one_more_row_and_keeps_the_others(client, draft, name, target, htmx):
    post(client, draft, "model")
    headers = {**HTMX, "HX-Target": target} if htmx else {}
    page = text_of(post(client, draft, "target", go=f"add_{name}", headers=headers))
    filled = sum(1 for value in ANSWERS["target"][f"{name}_name"] if value)
    assert page.count(f'name="{name}_name"') == filled + 2
    assert ("<html" in page) != htmx
    if not htmx:
        assert 'value="card-fraud"' in page


# -- two windows -----------------------------------------------------------------------------------


def test_a_stale_page_is_told_so_with_both_choices(client, answered):
    old = answered.revision
    post(client, answered, "target", {**ANSWERS["target"], "name": "first"})
    answer = post(client, answered, "target", {**ANSWERS["target"], "name": "second"}, revision=old)
    page = text_of(answer)
    assert answer.status_code == 409
    assert "changed in another window" in page
    assert [(change.name, change.before, change.after) for change in answer.context["stale"]] == [
        ("name", "first", "second")
    ]
    assert 'value="second"' in page
    answered.refresh_from_db()
    assert answered.answers["name"] == "first"


def test_the_stale_page_can_be_sent_again_to_keep_its_answers(client, answered):
    old = answered.revision
    post(client, answered, "target", {**ANSWERS["target"], "name": "first"})
    answer = post(client, answered, "target", {**ANSWERS["target"], "name": "second"}, revision=old)
    post(client, answered, "target", {**ANSWERS["target"], "name": "second"}, revision=answer.context["draft"].revision)
    answered.refresh_from_db()
    assert answered.answers["name"] == "second"


@pytest.mark.parametrize("revision", ["", "x", "-1", "9" * 30])
def test_a_page_without_a_revision_is_stale(client, draft, revision):
    assert post(client, draft, "model", revision=revision).status_code == 409


def test_a_review_that_is_stale_starts_nothing(client, answered):
    old = answered.revision
    post(client, answered, "target", {**ANSWERS["target"], "name": "first"})
    answer = post(client, answered, "review", revision=old)
    assert answer.status_code == 409
    assert "The draft has changed since you looked at it" in text_of(answer)
    assert not Run.objects.exists()


def test_a_draft_deleted_in_another_window_is_not_found(client, draft):
    url, body = step_url(draft, "model"), {**ANSWERS["model"], "revision": 0}
    client.post(reverse("deployments:wizard_delete", args=[draft.pk]))
    assert client.post(url, body).status_code == 404


# -- review ----------------------------------------------------------------------------------------


def test_a_name_taken_meanwhile_leads_back_to_its_field(client, answered, model_version, deployer):
    client.get(step_url(answered, "review"))
    Deployment.objects.create(
        team=model_version.model.team,
        workspace=model_version.model.workspace,
        environment=model_version.model.workspace.environments.get(),
        model=model_version.model,
        name="card-fraud",
        spec={},
        created_by=deployer,
    )
    answer = post(client, answered, "review")
    assert answer.status_code == 422
    assert f'href="{step_url(answered, "target")}#id_name"' in text_of(answer)
    assert Draft.objects.filter(pk=answered.pk).exists()
    assert not Run.objects.exists()


def test_the_review_says_who_may_approve(client, answered, environment, approver, owner):
    environment.needs_approval = True
    environment.save()
    page = text_of(client.get(step_url(answered, "review")))
    assert "A second person must approve the plan" in page
    assert "approver, owner" in page


def test_the_review_tells_the_usual_duration_of_the_environment(client, answered, model_version, deployer):
    assert "no run has finished" in text_of(client.get(step_url(answered, "review")))
    earlier = make_deployment(model_version, deployer, "earlier")
    for minutes in (2, 4, 60):
        run = make_run(earlier, "succeeded")
        Run.objects.filter(pk=run.pk).update(finished_at=run.created_at + timedelta(minutes=minutes))
    assert "Typically takes 4 min" in text_of(client.get(step_url(answered, "review")))
