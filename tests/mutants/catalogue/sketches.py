"""Counting in bins, and the distances between counts."""

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        key="sketch-merge-keeps-the-larger-minimum",
        function="_merged",
        text="_extreme(min,",
        replacement="_extreme(max,",
        tests=("test_sketches_of_parts_add_up_to_the_sketch_of_the_whole",),
    ),
    Mutant(
        key="sketch-value-on-an-edge-falls-below",
        function="_at_least",
        text="np.greater_equal(",
        replacement="np.greater(",
        tests=("test_a_value_as_frequent_as_a_bin_has_a_bin_of_its_own",),
    ),
    Mutant(
        key="sketch-psi-of-one-side",
        function="psi",
        text="np.dot(q - p,",
        replacement="np.dot(q,",
        tests=("test_psi_is_the_sum_of_both_relative_entropies",),
    ),
    Mutant(
        key="sketch-one-degree-of-freedom-too-many",
        function="chi_square",
        text="table.shape[1] - 1",
        replacement="table.shape[1]",
        tests=("test_chi_square_equals_that_of_scipy", "test_what_cannot_vary_differs_by_no_chance"),
    ),
    Mutant(
        key="sketch-missing-rows-dilute-nulls",
        function="null_share",
        text=' - entry["missing"]',
        replacement="",
        tests=("test_nulls_are_a_share_of_the_rows_that_had_the_column",),
    ),
    Mutant(
        key="sketch-chance-passes-for-drift",
        function="_verdict",
        text='if explained_by_chance(was["counts"], now["counts"])',
        replacement='if not explained_by_chance(was["counts"], now["counts"])',
        tests=("test_the_models_status_follows_the_sentence_that_is_shown",),
    ),
)
