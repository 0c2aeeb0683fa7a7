"""From figures to a standing: drift, health and quality. Missing data counts as unknown, never as healthy."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="judgement-drift-without-data-passes",
        function="standing_of",
        text="status == DriftStatus.OK",
        replacement="status != DriftStatus.DRIFT",
        tests=("test_too_few_rows_are_taken_with_those_before_and_are_never_fine_by_themselves",),
    ),
    Mutant(
        key="judgement-stale-drift-still-counts",
        function="_unless_stale",
        text=" or now - counted_at > STALE_AFTER",
        replacement="",
        tests=("test_old_counts_are_no_standing",),
    ),
    Mutant(
        key="judgement-health-fails-only-above-the-limit",
        function="_judge_answers",
        text="failed >= FAILING_5XX",
        replacement="failed > FAILING_5XX",
        tests=("test_errors_of_the_last_hour_decide",),
    ),
    Mutant(
        key="judgement-slow-and-wrong-instead-of-or",
        function="_judge_answers",
        text="slow or wrong > rules.max_error_rate",
        replacement="slow and wrong > rules.max_error_rate",
        tests=("test_a_slow_endpoint_is_at_risk_where_the_spec_has_a_limit",),
    ),
    Mutant(
        key="judgement-quality-fails-at-the-limit",
        function="QualityRule.standing_of",
        text="room < 0",
        replacement="room <= 0",
        tests=("test_a_share_is_judged_by_its_least", "test_the_best_figure_passes_under_every_limit"),
    ),
    Mutant(
        key="judgement-quality-of-few-labels",
        function="_of_counts",
        text="if counts.labelled < FEW_LABELS",
        replacement="if counts.labelled < FEW_LABELS - 1",
        tests=("test_what_is_not_known_is_unknown_and_says_why",),
    ),
)
