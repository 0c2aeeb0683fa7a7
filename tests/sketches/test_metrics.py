"""Drift metrics against independent implementations, on the same binned counts."""

from __future__ import annotations

import math

import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance
from sklearn.metrics import mutual_info_score

from sketches import metrics
from sketches.judgement import Rules

EXACT = 1e-9
RNG = np.random.default_rng(7)
TABLES = [
    pytest.param([10, 20, 30, 40], [11, 19, 33, 37], id="close"),
    pytest.param([100, 1, 5, 900], [3, 800, 5, 10], id="far"),
    pytest.param([1] * 50, list(range(1, 51)), id="many bins"),
    pytest.param(RNG.integers(1, 10**6, 22).tolist(), RNG.integers(1, 10**3, 22).tolist(), id="different sizes"),
]
WITH_EMPTY = [*TABLES, pytest.param([0, 20, 0, 80], [0, 0, 50, 50], id="empty bins")]
counts = st.lists(st.integers(0, 10**6), min_size=2, max_size=30)


def normalised(*tables: list[int]) -> list[np.ndarray]:
    return [np.asarray(table, float) / sum(table) for table in tables]


@pytest.mark.parametrize(("reference", "current"), TABLES)
def test_psi_is_the_sum_of_both_relative_entropies(reference, current):
    p, q = normalised(reference, current)
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert metrics.psi(reference, current) == pytest.approx(expected, abs=EXACT)


def test_psi_counts_an_empty_bin_as_one_in_ten_thousand():
    by_hand = (0.5 - 1e-4) * math.log(0.5 / 1e-4) + (0.5 - 1.0) * math.log(0.5 / 1.0)
    assert metrics.psi([0, 10], [5, 5]) == pytest.approx(by_hand, abs=EXACT)
    assert metrics.psi([0, 10, 0], [5, 5, 0]) == pytest.approx(by_hand, abs=EXACT)


@pytest.mark.parametrize(("reference", "current"), WITH_EMPTY)
def test_js_distance_equals_that_of_scipy(reference, current):
    p, q = normalised(reference, current)
    found = metrics.js_distance(reference, current)
    assert found == pytest.approx(distance.jensenshannon(p, q, base=2), abs=EXACT)


@pytest.mark.parametrize(("reference", "current"), [*TABLES[:3], *WITH_EMPTY[-1:]])
def test_js_divergence_is_the_mutual_information_of_side_and_bin(reference, current):
    one, other = np.array(reference) * sum(current), np.array(current) * sum(reference)
    shared_nats = mutual_info_score(None, None, contingency=np.array([one, other]))
    assert metrics.js_distance(reference, current) ** 2 == pytest.approx(shared_nats / math.log(2), abs=EXACT)


@pytest.mark.parametrize(("reference", "current"), WITH_EMPTY)
def test_binned_ks_equals_that_of_scipy_on_the_bins_numbers(reference, current):
    one = np.repeat(np.arange(len(reference)), np.minimum(reference, 2000))
    other = np.repeat(np.arange(len(current)), np.minimum(current, 2000))
    few = np.bincount(one, minlength=len(reference)), np.bincount(other, minlength=len(current))
    expected = stats.ks_2samp(one, other, method="asymp").statistic
    assert metrics.ks(*few) == pytest.approx(expected, abs=EXACT)


@pytest.mark.parametrize(("reference", "current"), WITH_EMPTY)
def test_chi_square_equals_that_of_scipy(reference, current):
    used = [index for index in range(len(reference)) if reference[index] + current[index]]
    table = np.array([[side[index] for index in used] for side in (reference, current)])
    expected = stats.chi2_contingency(table, correction=False)
    found = metrics.chi_square(reference, current)
    assert found.statistic == pytest.approx(expected.statistic, rel=EXACT)
    assert found.degrees_of_freedom == expected.dof
    assert found.cramers_v == pytest.approx(stats.contingency.association(table, method="cramer"), abs=EXACT)


@pytest.mark.parametrize(("reference", "current"), WITH_EMPTY)
def test_wasserstein_equals_that_of_scipy_and_of_optimal_transport(reference, current):
    places = sorted(np.random.default_rng(len(reference)).normal(size=len(reference)) * 100)
    p, q = normalised(reference, current)
    found = metrics.wasserstein(reference, current, places)
    assert found == pytest.approx(stats.wasserstein_distance(places, places, p, q), abs=EXACT)
    column = np.asarray(places)
    assert found == pytest.approx(float(ot.wasserstein_1d(column, column, p, q)), abs=EXACT)


@pytest.mark.parametrize(("reference", "current"), WITH_EMPTY)
def test_l_infinity_equals_the_chebyshev_distance(reference, current):
    p, q = normalised(reference, current)
    assert metrics.l_infinity(reference, current) == pytest.approx(distance.chebyshev(p, q), abs=EXACT)


@given(st.data(), counts)
def test_equal_shares_are_no_distance_and_others_stay_in_range(data, reference):
    current = data.draw(st.lists(st.integers(0, 10**6), min_size=len(reference), max_size=len(reference)))
    if not sum(reference) or not sum(current):
        with pytest.raises(ValueError, match="no values"):
            metrics.psi(reference, current)
        return
    for metric in (metrics.js_distance, metrics.ks, metrics.l_infinity):
        assert metric(reference, reference) == pytest.approx(0, abs=1e-7)
        assert 0 <= metric(reference, current) <= 1 + EXACT
    assert metrics.psi(reference, current) >= -EXACT
    assert 0 <= metrics.chi_square(reference, current).cramers_v <= 1 + EXACT


def test_a_constant_reference_gives_no_unit_to_measure_a_distance_in():
    entry = {"counts": [0, 5, 0], "infinite": 0, "sum": 15.0, "sum_sq": 45.0, "min": 3.0, "max": 3.0}
    assert metrics.normed_wasserstein(entry, entry, [3.0, 3.1]) is None


@pytest.mark.parametrize("degrees", [*range(1, 30), 60, 100, 500])
def test_the_quantile_of_chance_is_the_published_one(degrees: int) -> None:
    exact = float(stats.chi2.ppf(0.999, degrees))
    assert metrics.chi_square_quantile(degrees) == pytest.approx(exact, rel=0.04 if degrees < 5 else 0.012)


def test_what_cannot_vary_differs_by_no_chance() -> None:
    assert metrics.chi_square_quantile(0) == 0
    assert metrics.explained_by_chance([100], [7])


@pytest.mark.parametrize("rows", [100, 126, 400, 5000])
def test_samples_of_one_distribution_are_explained_by_chance_and_others_are_not(rows: int) -> None:
    rng = np.random.default_rng(3)
    shares = np.full(20, 1 / 20)
    reference = rng.multinomial(3340, shares)
    same = [metrics.explained_by_chance(reference, rng.multinomial(rows, shares)) for _ in range(2000)]
    # Two of 2,000 are expected not to be.
    assert 2000 - sum(same) <= 10
    other = np.where(np.arange(20) < 10, 0.5 / 20, 1.5 / 20)
    assert not any(metrics.explained_by_chance(reference, rng.multinomial(max(rows, 400), other)) for _ in range(200))


@pytest.mark.parametrize("reference_rows", [500, 3340, 200_000])
def test_so_many_rows_are_enough_that_chance_alone_stays_below_the_threshold(reference_rows: int) -> None:
    rng = np.random.default_rng(4)
    shares = np.full(20, 1 / 20)
    reference = rng.multinomial(reference_rows, shares)
    baseline = {"rows": reference_rows, "sketch": {"amount": {"counts": [0, *reference.tolist(), 0]}}}
    enough = Rules(threshold=0.2).enough(baseline)
    found = [metrics.psi(reference, rng.multinomial(enough, shares)) for _ in range(2000)]
    assert sum(value >= 0.2 for value in found) <= 20
    # With half of that it happens.
    assert sum(metrics.psi(reference, rng.multinomial(enough // 3, shares)) >= 0.2 for _ in range(2000)) > 100


def test_a_small_window_of_another_metric_and_a_baseline_that_cannot_be_compared_take_the_usual_number() -> None:
    counted = {"rows": 1000, "sketch": {"amount": {"counts": [500, 500]}}}
    assert Rules(metric="ks").enough(counted) == 100
    assert Rules().enough({"rows": 0, "sketch": {}}) == 100
    assert Rules(threshold=0.01).enough({"rows": 300, "sketch": {"amount": {"counts": [100, 100, 100]}}}) == 300
