"""The last step of the wizard: the checked spec, all that is known, and the button."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.views import signed_in
from deployments.forms import STEP_FORMS, STEP_OF
from deployments.forms.checking import Problems, top_level
from deployments.forms.prices import HoursForm
from deployments.models import ChangeKind, Deployment, Draft
from deployments.policies.approval import expects_approval
from deployments.presenters import snippets, specs, wizard
from deployments.presenters.prices import price_view
from deployments.pricing import DEFAULT_HOURS_PER_DAY, prices_today, quote
from deployments.services import Refused, Target, check_spec, submit_draft
from deployments.specs import Invalid, parse_spec
from deployments.views.drafts import draft_problems, own_draft, posted_revision


def review(request: HttpRequest, draft_id: int) -> HttpResponse:
    if request.method == "POST":
        return _post(request, draft_id)
    draft = own_draft(request, draft_id)
    wrong = wizard.wrong_steps(draft_problems(draft, draft.answers), STEP_OF)
    unanswered = [step for step in wizard.STEPS[:-1] if step not in draft.done]
    if unanswered:
        return redirect("deployments:wizard_step", draft.pk, wizard.open_step(draft, wrong))
    return _page(request, draft)


def _post(request: HttpRequest, draft_id: int) -> HttpResponse:
    user = signed_in(request)
    draft = Draft.objects.select_related("owner", "deployment__team").filter(pk=draft_id, owner=user).first()
    if draft is None:
        return _already_sent(request)
    if request.POST.get("go") == "back":
        return redirect("deployments:wizard_step", draft.pk, wizard.neighbours("review")[0])
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
    messages.info(request, "This draft was deployed or deleted already. Your newest run is on top.")
    return redirect(f"{reverse('deployments:runs')}?{urlencode({'mine': 'me'})}")


def _page(request: HttpRequest, draft: Draft, status: int = 200, refusal: str = "") -> HttpResponse:
    """Drawn from what check_spec made of the draft, never from the draft itself."""
    problems: Problems = {}
    target: Target | None = None
    try:
        target = check_spec(parse_spec(draft.answers), draft.owner, draft.deployment)
    except Invalid:
        problems = draft_problems(draft, draft.answers)
    wrong = wizard.wrong_steps(problems, STEP_OF)
    context = {
        "draft": draft,
        "deployment": draft.deployment,
        "step": "review",
        "steps": wizard.steps_bar(draft, wrong, "review"),
        "refusal": refusal,
        "problems": _problem_links(draft, problems),
        "may_open": wizard.reachable(draft, set()),
        **({**_target_context(draft, target), **_price_context(request, draft, target)} if target else {}),
    }
    return render(request, "deployments/wizard_review.html", context, status=status)


def _problem_links(draft: Draft, problems: Problems) -> list[dict[str, str]]:
    """Each problem with a link to the field that mends it."""
    links = []
    for name, texts in problems.items():
        step = STEP_OF.get(top_level(name), "model")
        field = STEP_FORMS[step].FIELDS.get(name, name)
        url = f"{reverse('deployments:wizard_step', args=[draft.pk, step])}#id_{field}"
        links.append({"name": name, "text": " ".join(texts), "url": url})
    return links


def _target_context(draft: Draft, target: Target) -> dict[str, Any]:
    deployment = draft.deployment
    team = deployment.team if deployment else target.model.team
    return {
        "target": target,
        "team": team,
        "sections": specs.sections(target.spec),
        "alias": draft.answers["version"] if draft.answers["version"].startswith("@") else "",
        "checklist": wizard.checklist(target, deployment),
        "changes": wizard.update_changes(target, deployment),
        "approvers": wizard.approvers(team, draft.owner) if _needs_approval(target, deployment) else [],
        "usual_s": wizard.usual_duration_s(target.environment),
        "samples": snippets.spec_samples(target.spec, deployment),
    }


def _hours_form(request: HttpRequest, draft: Draft) -> HoursForm:
    given = request.POST if request.method == "POST" else request.GET
    known = draft.deployment.hours_used_per_day if draft.deployment else None
    asked = given if "assumed_hours_per_day" in given else None
    return HoursForm(asked, initial={"assumed_hours_per_day": known or DEFAULT_HOURS_PER_DAY})


def _price_context(request: HttpRequest, draft: Draft, target: Target) -> dict[str, Any]:
    """The price, for the hours of use that were asked for last."""
    form = _hours_form(request, draft)
    told = quote(target.spec, table=prices_today(), deployment=draft.deployment, hours_used_per_day=form.hours)
    return {"hours_form": form, "price": price_view(told.as_json())}


def _needs_approval(target: Target, deployment: Deployment | None) -> bool:
    kind = ChangeKind.REPLACE if deployment else ChangeKind.CREATE
    return expects_approval(target.environment, target.model.risk, kind)


@login_required
@require_safe
def wizard_yaml(request: HttpRequest, draft_id: int) -> HttpResponse:
    """The checked spec of a finished draft as a file."""
    draft = own_draft(request, draft_id)
    try:
        target = check_spec(parse_spec(draft.answers), draft.owner, draft.deployment)
    except Invalid:
        messages.error(request, "The draft is not finished: there is no spec to download yet.")
        return redirect("deployments:wizard_step", draft.pk, "review")
    return yaml_file(target.spec.name, snippets.spec_yaml(target.spec))


def yaml_file(name: str, text: str) -> HttpResponse:
    """``name`` is that of an endpoint: letters, digits, - and _."""
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.yaml"'
    return response
