"""The steps of the deployment wizard. Every page works without JavaScript."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.people.permissions import signed_in
from catalog.models import ModelVersion, RegisteredModel
from deployments.deployment import presenters as specs
from deployments.wizard import choices, presenters
from deployments.wizard.drafts import MAX_NUMBER_DIGITS, draft_problems, own_draft, posted_revision
from deployments.wizard.models import Draft
from deployments.wizard.problems import STEP_OF, Problems, problems_of_step
from deployments.wizard.review import review
from deployments.wizard.steps import STEP_FORMS, MonitoringStep, StepForm
from web.errors import Invalid
from web.htmx import HtmxRequest
from web.pairs import Pair, filled

# Invalid answers that are shown again but not stored, because they may be secrets.
NOT_KEPT_WHEN_WRONG = ("env_vars",)
# Partials by the id of the element that htmx replaces. The pages include the same files.
PARTIALS = {
    "model-choices": "deployments/_model_choices.html",
    "pairs-env_vars": "deployments/_env_vars.html",
    "pairs-tags": "deployments/_tags.html",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def wizard_step(request: HtmxRequest, draft_id: int, step: str) -> HttpResponse:
    """One step of a draft. ``go``: "next" and "back" save and move on, other values only render the form again."""
    if step == presenters.STEPS[-1]:
        return review(request, draft_id)
    if step not in presenters.STEPS:
        raise Http404
    draft = own_draft(request, draft_id)
    if request.method == "POST":
        return _post(request, draft, step)
    wrong = presenters.wrong_steps(draft_problems(draft, draft.answers), STEP_OF)
    if step not in presenters.reachable(draft, wrong):
        return redirect("deployments:wizard_step", draft.pk, presenters.open_step(draft, wrong))
    return _page(request, draft, step, _saved_form(draft, step))


def _post(request: HtmxRequest, draft: Draft, step: str) -> HttpResponse:
    if step == "template":
        return _keep(request, draft, step, draft.answers, {})
    form = _form(draft, step, request.POST)
    go = request.POST.get("go", "next")
    if go not in ("next", "back"):
        return _page(request, draft, step, form)
    if not form.is_valid():
        return _page(request, draft, step, form, status=422)
    answers = {**form.answers(draft.answers), **_fixed(draft)}
    problems = problems_of_step(draft_problems(draft, answers), step)
    return _keep(request, draft, step, answers, problems, form)


def _keep(
    request: HtmxRequest,
    draft: Draft,
    step: str,
    answers: dict[str, Any],
    problems: Problems,
    form: StepForm | None = None,
) -> HttpResponse:
    """Save and redirect to the next or previous step. Render the page again on problems or a stale draft."""
    going_back = request.POST.get("go") == "back"
    is_done = not problems and (not going_back or step in draft.done)
    done = [name for name in draft.done if name != step] + [step] * is_done
    try:
        saved = draft.save_answers(posted_revision(request), _without_secrets(draft, answers, problems), done)
    except Draft.DoesNotExist:
        raise Http404 from None
    if not saved:
        return _stale_page(request, draft, step, answers, form)
    before, after = presenters.neighbours(step)
    if going_back and before:
        return redirect("deployments:wizard_step", draft.pk, before)
    if form and problems:
        form.show(Invalid(problems))
        return _page(request, draft, step, form, status=422)
    return redirect("deployments:wizard_step", draft.pk, after)


def _without_secrets(draft: Draft, answers: dict[str, Any], problems: Problems) -> dict[str, Any]:
    kept = dict(answers)
    for part in NOT_KEPT_WHEN_WRONG:
        if any(name.partition(".")[0] == part for name in problems):
            kept[part] = draft.answers.get(part, {})
    return kept


def _fixed(draft: Draft) -> dict[str, Any]:
    """Values that an update cannot change, whatever is submitted."""
    if draft.deployment is None:
        return {}
    deployment = draft.deployment
    return {
        "name": deployment.name,
        "environment": deployment.environment.slug,
        "model": deployment.model.full_name,
    }


def _stale_page(
    request: HtmxRequest, draft: Draft, step: str, answers: dict[str, Any], form: StepForm | None
) -> HttpResponse:
    """Both versions side by side. The page has the draft's new revision, so submitting it again overwrites."""
    stale = specs.changes(draft.answers, answers)
    return _page(request, draft, step, form or _saved_form(draft, step), status=409, stale=stale, is_stale=True)


# -- the page of a step ---------------------------------------------------------------------------


def _form(draft: Draft, step: str, data: Any = None, initial: dict[str, Any] | None = None) -> StepForm:
    kind = STEP_FORMS[step]
    if kind is MonitoringStep:
        return MonitoringStep(data, initial=initial, features=_feature_names(draft))
    return kind(data, initial=initial)


def _saved_form(draft: Draft, step: str) -> StepForm | None:
    """The form of ``step`` with the saved answers; None for the template step."""
    if step == "template":
        return None
    return _form(draft, step, initial=STEP_FORMS[step].initial_of(draft.answers))


def _page(
    request: HtmxRequest, draft: Draft, step: str, form: StepForm | None, status: int = 200, **more: Any
) -> HttpResponse:
    wrong = presenters.wrong_steps(draft_problems(draft, draft.answers), STEP_OF)
    before, after = presenters.neighbours(step)
    context = {
        "draft": draft,
        "deployment": draft.deployment,
        "step": step,
        "title": presenters.TITLES[step],
        "steps": presenters.steps_bar(draft, wrong, step),
        "before": before,
        "after": presenters.TITLES[after],
        "form": form,
        **_context_of(request, draft, step, form),
        **more,
    }
    partial = request.htmx.target or ""
    template = PARTIALS.get(partial, f"deployments/wizard_{step}.html") if request.htmx else ""
    return render(request, template or f"deployments/wizard_{step}.html", context, status=status)


def _context_of(request: HttpRequest, draft: Draft, step: str, form: StepForm | None) -> dict[str, Any]:
    if step == "template":
        return {"facts": presenters.template_facts()}
    if step == "model" and form:
        return _model_context(request, draft, form)
    if step == "target":
        return _target_context(request, draft, form) if form else {}
    if step == "monitoring":
        return {"features": choices.features_of(_version(draft)), "version": _version(draft)}
    return {"strategy_texts": specs.STRATEGY_TEXTS}


def _model_context(request: HttpRequest, draft: Draft, form: StepForm) -> dict[str, Any]:
    chosen = {name: str(form[name].value() or "") for name in ("environment", "q", "model", "version")} | _fixed(draft)
    if not chosen["environment"]:
        only = choices.model_choices(signed_in(request), {}).environments
        chosen["environment"] = only[0].slug if only else ""
    offered = choices.model_choices(signed_in(request), chosen)
    offers = [version.value for version in offered.versions]
    if chosen["version"] not in offers:
        chosen["version"] = choices.default_version(offered.versions)
    return {"offered": offered, "chosen": chosen}


def _target_context(request: HttpRequest, draft: Draft, form: StepForm) -> dict[str, Any]:
    model = _model(draft)
    team = draft.deployment.team if draft.deployment else model.team if model else None
    return {
        "environment": choices.model_choices(draft.owner, draft.answers).environment,
        "size_texts": specs.SIZE_TEXTS,
        "team": team,
        "env_rows": _rows(request, form, "env_vars"),
        "tag_rows": _rows(request, form, "tags"),
    }


def _rows(request: HttpRequest, form: StepForm, name: str) -> list[Pair]:
    """The filled rows and one empty row, or two after Add was pressed."""
    blank = 2 if request.POST.get("go") == f"add_{name}" else 1
    return [*filled(form[name].value() or []), *[("", "")] * blank]


def _model(draft: Draft) -> RegisteredModel | None:
    rows = RegisteredModel.objects.visible_to(draft.owner).present().select_related("team")
    return rows.filter(full_name=str(draft.answers.get("model", "")).lower()).first()


def _version(draft: Draft) -> ModelVersion | None:
    """The version that the answers select; an alias is resolved."""
    model, wanted = _model(draft), str(draft.answers.get("version", ""))
    rows = model.versions.filter(removed_at=None) if model else ModelVersion.objects.none()
    if wanted.startswith("@"):
        return next((row for row in rows if wanted[1:] in row.aliases), None)
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) <= MAX_NUMBER_DIGITS
    return rows.filter(version=int(wanted)).first() if is_number else None


def _feature_names(draft: Draft) -> tuple[str, ...]:
    """The features of the signature and those that the answers already name."""
    monitoring = draft.answers.get("monitoring", {})
    named = [*monitoring.get("exclude", []), *monitoring.get("critical", [])]
    offered = [feature.name for feature in choices.features_of(_version(draft))]
    return tuple(dict.fromkeys([*offered, *named]))
