"""The last step of the wizard: review of the checked spec, and submission."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.people.permissions import signed_in
from deployments.deployment import presenters as specs
from deployments.deployment import snippets
from deployments.deployment.specs import parse_spec
from deployments.policies import presenters as policies_presenters
from deployments.policies.approvals import expects_approval
from deployments.policies.models import ChangeKind
from deployments.pricing.estimating import DEFAULT_HOURS_PER_DAY
from deployments.pricing.forms import HoursForm
from deployments.pricing.presenters import price_view
from deployments.pricing.quoting import prices_today, quote
from deployments.runs.checking import Target, check_spec
from deployments.wizard import presenters as wizard_presenters
from deployments.wizard.drafts import draft_problems, own_draft, posted_revision
from deployments.wizard.models import Draft
from deployments.wizard.problems import STEP_OF, Problems, top_level
from deployments.wizard.services import submit_draft
from deployments.wizard.steps import STEP_FORMS
from web.errors import Invalid, Refused
from web.views import yaml_file


def review(request: HttpRequest, draft_id: int) -> HttpResponse:
    if request.method == "POST":
        return _post(request, draft_id)
    draft = own_draft(request, draft_id)
    wrong = wizard_presenters.wrong_steps(draft_problems(draft, draft.answers), STEP_OF)
    unanswered = [step for step in wizard_presenters.STEPS[:-1] if step not in draft.done]
    if unanswered:
        return redirect("deployments:wizard_step", draft.pk, wizard_presenters.open_step(draft, wrong))
    return _page(request, draft)


def _post(request: HttpRequest, draft_id: int) -> HttpResponse:
    user = signed_in(request)
    draft = Draft.objects.select_related("owner", "deployment__team").filter(pk=draft_id, owner=user).first()
    if draft is None:
        return _already_sent(request)
    if request.POST.get("go") == "back":
        return redirect("deployments:wizard_step", draft.pk, wizard_presenters.neighbours("review")[0])
    form = _hours_form(request, draft)
    if form.is_bound and not form.is_valid():
        return _page(request, own_draft(request, draft.pk), 422)
    try:
        run = submit_draft(
            draft=draft,
            revision=posted_revision(request),
            actor=user,
            hours_used_per_day=form.hours if form.is_bound else None,
        )
    except Invalid:
        return _page(request, own_draft(request, draft.pk), 422)
    except Refused as refusal:
        if not Draft.objects.filter(pk=draft.pk).exists():
            return _already_sent(request)
        return _page(request, own_draft(request, draft.pk), 409, refusal.message)
    return redirect("deployments:run", run.pk)


def _already_sent(request: HttpRequest) -> HttpResponse:
    messages.info(request, "This draft was already deployed or deleted. Your newest run is on top.")
    return redirect(f"{reverse('deployments:runs')}?{urlencode({'mine': 'me'})}")


def _page(request: HttpRequest, draft: Draft, status: int = 200, refusal: str = "") -> HttpResponse:
    """The review page. It shows the result of check_spec, never the draft itself."""
    problems: Problems = {}
    target: Target | None = None
    try:
        target = check_spec(parse_spec(draft.answers), draft.owner, draft.deployment)
    except Invalid:
        problems = draft_problems(draft, draft.answers)
    wrong = wizard_presenters.wrong_steps(problems, STEP_OF)
    context = {
        "draft": draft,
        "deployment": draft.deployment,
        "step": "review",
        "steps": wizard_presenters.steps_bar(draft, wrong, "review"),
        "refusal": refusal,
        "problems": _problem_links(draft, problems),
        "may_open": wizard_presenters.reachable(draft, set()),
        **({**_target_context(draft, target), **_price_context(request, draft, target)} if target else {}),
    }
    return render(request, "deployments/wizard_review.html", context, status=status)


def _problem_links(draft: Draft, problems: Problems) -> list[dict[str, str]]:
    """Each problem with a link to its field."""
    links = []
    for name, texts in problems.items():
        step = STEP_OF.get(top_level(name), "model")
        field = STEP_FORMS[step].renamed.get(name, name)
        url = f"{reverse('deployments:wizard_step', args=[draft.pk, step])}#id_{field}"
        links.append({"name": name, "text": " ".join(texts), "url": url})
    return links


def _target_context(draft: Draft, target: Target) -> dict[str, Any]:
    deployment = draft.deployment
    team = deployment.team if deployment else target.model.team
    kind = ChangeKind.REPLACE if deployment else ChangeKind.CREATE
    needs_approval = expects_approval(target.environment, target.model.risk, kind)
    return {
        "target": target,
        "team": team,
        "sections": specs.sections(target.spec),
        "alias": draft.answers["version"] if draft.answers["version"].startswith("@") else "",
        "checklist": wizard_presenters.checklist(target, deployment),
        "changes": specs.changes(deployment.spec, target.spec.as_json()) if deployment else [],
        "approvers": policies_presenters.approvers(team, draft.owner) if needs_approval else [],
        "usual_s": wizard_presenters.usual_duration_s(target.environment),
        "samples": snippets.spec_samples(target.spec, deployment),
    }


def _hours_form(request: HttpRequest, draft: Draft) -> HoursForm:
    given = request.POST if request.method == "POST" else request.GET
    known = draft.deployment.hours_used_per_day if draft.deployment else None
    asked = given if "assumed_hours_per_day" in given else None
    return HoursForm(asked, initial={"assumed_hours_per_day": known or DEFAULT_HOURS_PER_DAY})


def _price_context(request: HttpRequest, draft: Draft, target: Target) -> dict[str, Any]:
    """The price, for the submitted or stored hours of use."""
    form = _hours_form(request, draft)
    told = quote(target.spec, table=prices_today(), deployment=draft.deployment, hours_used_per_day=form.hours)
    return {"hours_form": form, "price": price_view(told.as_json())}


@login_required
@require_safe
def wizard_yaml(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Download the checked spec of a finished draft."""
    draft = own_draft(request, draft_id)
    try:
        target = check_spec(parse_spec(draft.answers), draft.owner, draft.deployment)
    except Invalid:
        messages.error(request, "The draft is not finished. There is no spec to download yet.")
        return redirect("deployments:wizard_step", draft.pk, "review")
    return yaml_file(target.spec.name, snippets.spec_yaml(target.spec))
