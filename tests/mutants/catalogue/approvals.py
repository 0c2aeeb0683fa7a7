"""A second person's word: on which plan, and whose."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="approval-holds-for-another-plan",
        function="binding",
        text="plan_sha256=plan.sha256,",
        replacement="",
        tests=("test_a_void_approval_applies_nothing_and_the_run_asks_again",),
    ),
    Mutant(
        key="approval-holds-for-another-state",
        function="binding",
        text="state_serial=plan.state_serial,",
        replacement="",
        tests=("test_a_void_approval_applies_nothing_and_the_run_asks_again",),
    ),
    Mutant(
        key="approval-by-whoever-asked-counts",
        function="standing_approval",
        text=" & ~Q(decided_by=run.requested_by_id)",
        replacement="",
        tests=("test_an_approval_by_the_person_who_asked_is_none",),
    ),
    Mutant(
        key="approval-by-deployers",
        function="may_decide",
        text="Action.APPROVE",
        replacement="Action.DEPLOY",
        tests=("test_who_may_decide",),
    ),
    Mutant(
        key="approval-of-a-plan-that-was-not-read",
        function="_decide",
        text="plan_sha256 != plan.sha256",
        replacement="not plan.sha256",
        tests=("test_an_approval_of_a_plan_that_is_gone_is_refused", "test_an_approval_of_another_plan_is_refused"),
    ),
    Mutant(
        key="approval-skipped-for-every-traffic-change",
        function="is_short_way_back",
        text="run.kind in GOING_BACK and ",
        replacement="",
        tests=("test_only_a_rollback_that_merely_moves_traffic_needs_no_second_person",),
    ),
)
