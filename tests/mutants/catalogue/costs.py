"""What was billed: each row once, none lost, and equal to the source."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="cost-second-price-replaces-the-first",
        function="_added",
        text="one.cost + other.cost",
        replacement="other.cost",
        tests=("test_two_prices_on_one_day_make_one_row",),
    ),
    Mutant(
        key="cost-no-price-counts-as-nothing",
        function="_quantity_and_cost",
        text="if priced else None",
        replacement="if priced else Decimal(0)",
        tests=("test_usage_without_a_price_is_kept_with_its_unit_and_never_as_nothing",),
    ),
    Mutant(
        key="cost-older-answer-replaces-a-newer-one",
        function="keep",
        text="source.read_at > asked_at",
        replacement="source.read_at < asked_at",
        tests=("test_an_older_answer_never_replaces_a_newer_one",),
    ),
    Mutant(
        key="cost-only-the-first-day-is-replaced",
        function="keep",
        text=".between(first, last).delete()",
        replacement=".between(first, first).delete()",
        tests=("test_a_day_that_the_source_takes_back_wholly_goes", "test_an_import_that_runs_again_changes_no_number"),
    ),
    Mutant(
        key="cost-one-equal-total-is-enough",
        function="_reconcile",
        text="all(row.is_equal",
        replacement="any(row.is_equal",
        tests=("test_one_currency_that_differs_has_the_month_read_again",),
    ),
    Mutant(
        key="cost-other-months-count-as-spent",
        function="_tell_policies",
        text=", date__gte=month",
        replacement="",
        tests=("test_policies_are_told_what_a_team_spent_this_month",),
    ),
)
