"""Overriding a policy and breaking the glass as a person does it, on a phone and on a desk."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from deployments.models import Approval, Deployment, Notice, PolicyResult, Run
from deployments.policies.evaluating import evaluate
from deployments.runs.statuses import RunStatus
from tests.browser import Complaints
from tests.deployments.conftest import give_plan, make_run
from tests.deployments.policies.holding import freeze, hold, only

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
SignIn = Callable[[User], None]
WIDTHS = [1440, 390]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def held(deployment: Deployment) -> Run:
    only("inference_table")
    hold("owner_team", "mandatory")
    hold("workload_size", "advisory")
    run = make_run(deployment, RunStatus.POLICY)
    give_plan(run)
    evaluate(run)
    return run


@pytest.mark.parametrize("width", WIDTHS)
def test_a_policy_is_overridden_in_its_dialog(
    page: Page, complaints: Complaints, sign_in: SignIn, owner: User, held: Run, width: int
) -> None:
    sign_in(owner)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/runs/{held.pk}/?tab=policy")
    page.get_by_role("link", name="Override Inference table").click()
    page.get_by_label("Reason why it need not be met this time").fill("agreed with the auditors")
    page.get_by_role("button", name="Override").click()
    expect(page.get_by_text("agreed with the auditors").first).to_be_visible()
    assert PolicyResult.objects.get(rule="inference_table").overridden_by == owner
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_glass_is_broken_and_the_approver_acknowledges(
    page: Page,
    complaints: Complaints,
    sign_in: SignIn,
    owner: User,
    approver: User,
    run_in: Callable[..., Run],
    width: int,
) -> None:
    run = run_in(RunStatus.APPROVAL)
    sign_in(owner)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/runs/{run.pk}/?tab=approval")
    page.get_by_text("In an emergency").click()
    page.get_by_role("link", name="Break the glass").click()
    page.get_by_label("Reason, at least 10 characters").fill("customers cannot pay")
    page.get_by_role("button", name="Break the glass and apply").click()
    expect(page.get_by_text("The approvers of the team are notified.")).to_be_visible()
    assert Approval.objects.get().decision == Approval.Decision.BREAK_GLASS
    sign_in(approver)
    page.goto("/")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("Pending acknowledgements")).to_have_count(0)
    assert Notice.objects.get(user=approver).acknowledged_at
    assert page.evaluate(OVERFLOW) <= 0
    assert complaints.texts == []


@pytest.mark.parametrize("width", WIDTHS)
def test_policies_and_freezes_fit_the_screen(
    page: Page, complaints: Complaints, sign_in: SignIn, admin: User, held: Run, width: int
) -> None:
    freeze(admin, reason="end of the year")
    policy = hold("budget", "advisory", environment="staging", risk="high")
    sign_in(admin)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        "/policies/",
        f"/policies/{policy.pk}/",
        "/policies/new/workload_size/",
        "/freezes/",
        f"/runs/{held.pk}/",
    ):
        page.goto(path)
        expect(page.get_by_text("everything is frozen until").first).to_be_visible()
        assert page.evaluate(OVERFLOW) <= 0, path
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{width}{path.replace('/', '_')}.png", full_page=True)
    assert complaints.texts == []
