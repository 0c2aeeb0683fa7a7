"""Which policy decides, how strictly, and what its rule lets through."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="policy-least-exact-one-decides",
        function="deciding",
        text="key=lambda policy: policy.exactness",
        replacement="key=lambda policy: policy.exactness, reverse=True",
        tests=("test_the_policy_that_names_its_place_most_exactly_decides",),
    ),
    Mutant(
        key="policy-finding-makes-it-stricter",
        function="_verdict",
        text="min(level, finding.at_most",
        replacement="max(level, finding.at_most",
        tests=("test_a_finding_can_be_milder_than_its_policy_but_not_stricter",),
    ),
    Mutant(
        key="policy-override-survives-a-new-plan",
        function="evaluate",
        text="filter(run=run, plan_sha256=run.plan.sha256)",
        replacement="filter(run=run)",
        tests=("test_an_override_is_void_with_another_plan",),
    ),
    Mutant(
        key="policy-budget-asks-at-the-limit",
        function="_of_budget",
        text="total * 100 > limit.amount * parameters.approve_percent",
        replacement="total * 100 >= limit.amount * parameters.approve_percent",
        tests=("test_a_budget_warns_at_80_percent_and_asks_a_second_person_over_100",),
    ),
    Mutant(
        key="policy-unknown-traffic-counts-as-idle",
        function="_idle_before_destroy",
        text="if traffic.is_complete",
        replacement="if traffic.is_complete or not traffic.requests",
        tests=("test_traffic_that_nobody_can_rule_out_counts_as_traffic",),
    ),
    Mutant(
        key="policy-override-of-an-older-plan",
        function="may_override",
        text=" or result.plan_sha256 != run.plan.sha256",
        replacement="",
        tests=("test_the_result_of_an_older_plan_is_not_overridden",),
    ),
)
