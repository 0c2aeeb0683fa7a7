"""Sketches: they add up, they never raise for what data contains, and they say what the data says."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sketches.baseline import MAX_CATEGORIES, make_baseline, quantile_edges
from sketches.judgement import DriftStatus, Rules, judge, model_status
from sketches.metrics import bin_places, ks, mean, new_share, null_share, standard_deviation, wasserstein
from sketches.sketch import empty, merge, sketch

NAN = float("nan")


def baseline_of(**columns: Any) -> dict[str, Any]:
    return make_baseline(pa.table(columns))


def entry_of(baseline: dict[str, Any], **columns: Any) -> dict[str, Any]:
    [entry] = sketch(pa.table(columns).to_batches(), baseline).values()
    return entry


def test_counts_equal_those_of_numpy_in_the_same_bins():
    rng = np.random.default_rng(1)
    was, now = rng.normal(size=50_000), rng.normal(0.3, 1.4, size=70_001)
    baseline = baseline_of(x=was)
    edges = baseline["features"]["x"]["edges"]
    entry = entry_of(baseline, x=now)
    expected = np.histogram(now, [-np.inf, *edges, np.inf])[0]
    assert entry["counts"] == expected.tolist()
    assert entry["sum"] == pytest.approx(now.sum())
    assert (entry["min"], entry["max"], entry["rows"]) == (now.min(), now.max(), 70_001)
    assert standard_deviation(entry) == pytest.approx(now.std())


def test_a_baseline_holds_all_of_itself_in_bins_of_about_equal_weight():
    values = np.random.default_rng(2).exponential(size=10_000)
    baseline = baseline_of(x=values)
    counts = baseline["sketch"]["x"]["counts"]
    assert counts[0] == counts[-1] == 0
    assert max(counts[1:-1]) - min(counts[1:-1]) <= 2
    assert new_share(baseline["sketch"]["x"]) == 0


def test_a_value_as_frequent_as_a_bin_has_a_bin_of_its_own():
    values = np.concatenate([np.zeros(8000), np.random.default_rng(3).uniform(1, 2, 2000)])
    baseline = baseline_of(amount=values)
    assert baseline["sketch"]["amount"]["counts"][1] == 8000
    fewer = entry_of(baseline, amount=np.concatenate([np.zeros(2000), np.full(8000, 1.5)]))
    assert fewer["counts"][1] == 2000


@pytest.mark.parametrize("shift", [0.0, 0.05, 1.0])
def test_binned_values_are_within_the_stated_bounds_of_the_exact_ones(shift):
    rng = np.random.default_rng(4)
    was, now = rng.normal(size=20_000), rng.normal(shift, 1.1, size=5_000)
    baseline = baseline_of(x=was)
    edges, first = baseline["features"]["x"]["edges"], baseline["sketch"]["x"]
    second = entry_of(baseline, x=now)
    p, q = (np.array(entry["counts"]) / sum(entry["counts"]) for entry in (first, second))
    exact = stats.ks_2samp(was, now).statistic
    assert exact - max(p.max(), q.max()) <= ks(first["counts"], second["counts"]) <= exact + 1e-12
    places = bin_places(edges, second["min"], second["max"])
    ends = [min(second["min"], edges[0]), *edges, max(second["max"], edges[-1])]
    longest = np.diff(ends) / 2
    binned = wasserstein(first["counts"], second["counts"], places)
    assert abs(binned - stats.wasserstein_distance(was, now)) <= float(np.sum((p + q) * longest))


values = st.one_of(
    st.none(), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324])
)


@settings(max_examples=60)
@given(st.lists(values, max_size=60), st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=60), st.data())
def test_sketches_of_parts_add_up_to_the_sketch_of_the_whole(numbers, words, data):
    reference = pa.table({"x": pa.array([1.0, 2.0, 3.0, 4.0]), "w": pa.array(["a", "b", "a", None])})
    baseline = make_baseline(reference)
    size = min(len(numbers), len(words))
    table = pa.table({"x": pa.array(numbers[:size], pa.float64()), "w": pa.array(words[:size], pa.string())})
    cut = data.draw(st.integers(0, size))
    whole = sketch(table.to_batches(), baseline)
    parts = merge(sketch(table.slice(0, cut).to_batches(), baseline), sketch(table.slice(cut).to_batches(), baseline))
    for name in ("x", "w"):
        exact = {key: value for key, value in whole[name].items() if key not in ("sum", "sum_sq")}
        assert {key: parts[name][key] for key in exact} == exact
        assert exact["rows"] == sum(exact["counts"]) + exact["nulls"] == size
    assert merge(empty(baseline), whole) == whole


def test_sketches_of_different_baselines_do_not_add_up():
    with pytest.raises(ValueError, match="different baselines"):
        merge(empty(baseline_of(x=[1.0, 2.0])), empty(baseline_of(x=[1.0, 2.0, 3.0])))


ODD = {
    "constant": (pa.array([5.0] * 200), pa.array([5.0] * 150 + [6.0] * 50)),
    "one row": (pa.array([5.0]), pa.array([7.0])),
    "all null": (pa.array([1.0, 2.0] * 100), pa.array([None] * 200, pa.float64())),
    "null type": (pa.array([1.0, 2.0] * 100), pa.nulls(200)),
    "infinite": (pa.array([1.0, 2.0] * 100), pa.array([np.inf, -np.inf, NAN, 1.5] * 50)),
    "huge integers": (pa.array([2**62, -(2**62)] * 100), pa.array([2**63 - 1, -(2**63)] * 100)),
    "unsigned": (pa.array([2**64 - 1, 0] * 100, pa.uint64()), pa.array([1, 2] * 100, pa.uint64())),
    "decimals": (pa.array([decimal.Decimal("1.10"), decimal.Decimal("2.20")] * 100), pa.array([1.5] * 200)),
    "booleans": (pa.array([True, False] * 100), pa.array([True, None] * 100)),
    "booleans as words": (pa.array([True, False] * 100), pa.array(["true", "maybe"] * 100)),
    "timestamps": (
        pa.array([dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in range(1, 21)] * 10),
        pa.array([dt.datetime(2026, 2, 1, tzinfo=dt.UTC)] * 200),
    ),
    "dates": (pa.array([dt.date(2026, 1, 1), dt.date(2026, 1, 2)] * 100), pa.array([dt.date(1900, 1, 1)] * 200)),
    "times": (pa.array([dt.time(1), dt.time(2)] * 100), pa.array([dt.time(23)] * 200)),
    "durations": (pa.array([dt.timedelta(1), dt.timedelta(2)] * 100), pa.array([dt.timedelta(9)] * 200)),
    "unicode": (pa.array(["é", "日本", "\U0001f600"] * 100), pa.array(["e\u0301", "", "日本"] * 100)),
    "large text": (pa.array(["a", "b"] * 100, pa.large_string()), pa.array(["a"] * 200, pa.string_view())),
    "dictionary": (pa.array(["a", "b"] * 100).dictionary_encode(), pa.array(["a", "c", None] * 70)),
    "dictionary with a null": (
        pa.array(["a", "b"] * 100),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None]), pa.array(["a", None, "c"])),
    ),
    "numbers as text": (pa.array([1.0, 2.0] * 100), pa.array(["1", "2"] * 100)),
    "words for numbers": (pa.array([1.0, 2.0] * 100), pa.array(["one", "two"] * 100)),
    "numbers for words": (pa.array(["1", "2"] * 100), pa.array([1, 2] * 100)),
    "nested for numbers": (pa.array([1.0, 2.0] * 100), pa.array([[1.0], [2.0]] * 100)),
    "nested for words": (pa.array(["a", "b"] * 100), pa.array([{"a": 1}, {"a": 2}] * 100)),
    "intervals": (
        pa.array([1.0, 2.0] * 100),
        pa.array([pa.MonthDayNano([1, 2, 3])] * 200, pa.month_day_nano_interval()),
    ),
    "nested baseline": (pa.array([[1.0]] * 200), pa.array([[1.0]] * 200)),
    "empty baseline": (pa.array([None] * 200, pa.string()), pa.array(["a"] * 200)),
}


@pytest.mark.parametrize("metric", ["psi", "js", "ks", "wasserstein", "chi2", "linf"])
@pytest.mark.parametrize("case", ODD)
def test_no_content_of_a_column_hides_the_other_column(case, metric):
    was, now = ODD[case]
    rng = np.random.default_rng(5)
    baseline = make_baseline(pa.table({"odd one": was, "plain": rng.normal(size=len(was))}))
    current = sketch(pa.table({"odd one": now, "plain": rng.normal(9, 1, size=len(now))}).to_batches(), baseline)
    found = {item.name: item for item in judge(baseline, current, Rules(metric=metric, min_samples=1))}
    assert set(found) == {"odd one", "plain"}
    if len(was) > 1:
        assert found["plain"].status == DriftStatus.DRIFT
    odd = found["odd one"]
    assert (odd.value is None) == (odd.status not in (DriftStatus.DRIFT, DriftStatus.OK))
    assert odd.reason


@pytest.mark.parametrize(
    ("case", "status", "reason"),
    [
        ("all null", DriftStatus.NO_DATA, "all values are null"),
        ("null type", DriftStatus.NO_DATA, "all values are null"),
        ("words for numbers", DriftStatus.NOT_COMPARABLE, "values are not numeric as in the baseline"),
        ("nested for words", DriftStatus.NOT_COMPARABLE, "values are not categorical as in the baseline"),
        ("nested baseline", DriftStatus.NOT_COMPARABLE, "values of type list<item: double> cannot be compared"),
        ("empty baseline", DriftStatus.NOT_COMPARABLE, "the column has no values in the baseline"),
    ],
)
def test_what_cannot_be_compared_says_why(case, status, reason):
    was, now = ODD[case]
    baseline = baseline_of(odd=was)
    [found] = judge(baseline, sketch(pa.table({"odd": now}).to_batches(), baseline), Rules())
    assert (found.status, found.reason) == (status, reason)


def test_integers_booleans_and_moments_fall_where_they_belong():
    assert entry_of(baseline_of(x=[1, 2, 3]), x=[0, 1, 3, 4])["counts"][0] == 1
    flags = baseline_of(f=[True, False, True])
    assert flags["features"]["f"]["categories"] == ["true", "false"]
    assert entry_of(flags, f=[False, False, None])["counts"] == [0, 2, 0]
    moments = baseline_of(t=[dt.datetime(1970, 1, 1), dt.datetime(1970, 1, 2)])
    assert moments["sketch"]["t"]["max"] == 86_400


def test_a_new_category_is_among_the_others_and_counted_as_new():
    baseline = baseline_of(w=["a", "b", "a"])
    entry = entry_of(baseline, w=["a", "z", "z", None])
    assert entry["counts"] == [1, 0, 2]
    assert new_share(entry) == pytest.approx(2 / 3)
    assert null_share(entry) == 0.25


def test_rare_categories_of_a_large_vocabulary_share_one_bin():
    words = [f"w{index}" for index in range(MAX_CATEGORIES + 50)] + ["often"] * 10
    baseline = baseline_of(w=words)
    assert baseline["features"]["w"]["categories"][0] == "often"
    assert baseline["sketch"]["w"]["counts"][-1] == 51


def test_a_column_that_the_requests_do_not_have_is_no_data():
    baseline = baseline_of(x=[1.0, 2.0], y=[1.0, 2.0])
    found = judge(baseline, sketch(pa.table({"y": [1.0] * 200}).to_batches(), baseline), Rules())
    assert [(item.name, item.status) for item in found] == [("x", DriftStatus.NO_DATA), ("y", DriftStatus.DRIFT)]
    assert found[0].reason == "no request contained this feature"


def test_nulls_are_a_share_of_the_rows_that_had_the_column():
    batches = [*pa.table({"x": [1.0, None]}).to_batches(), *pa.table({"y": [1.0] * 6}).to_batches()]
    [entry] = sketch(batches, baseline_of(x=[1.0, 2.0])).values()
    assert (entry["rows"], entry["missing"], null_share(entry)) == (8, 6, 0.5)


def test_two_columns_of_one_name_are_not_comparable():
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    assert make_baseline(table)["not_comparable"] == {"x": "several columns have this name"}


def test_infinities_are_out_of_range_and_spoil_no_sum():
    entry = entry_of(baseline_of(x=[1.0, 2.0]), x=[np.inf, -np.inf, NAN, 1.0, 3.0])
    assert (entry["infinite"], entry["nulls"], entry["sum"], entry["max"]) == (2, 1, 4.0, 3.0)
    assert mean(entry) == 2.0


def test_edges_of_the_largest_numbers_are_finite():
    edges = quantile_edges(np.array([-1.7976931348623157e308, 1.7976931348623157e308]), 20)
    assert all(np.isfinite(edges))


def test_the_models_status_follows_the_sentence_that_is_shown():
    rng = np.random.default_rng(6)
    columns = {name: rng.normal(size=1000) for name in ("a", "b", "c", "d")}
    baseline = make_baseline(pa.table(columns))
    current = sketch(pa.table({**columns, "a": rng.normal(5, 1, 1000)}).to_batches(), baseline)
    plain = Rules()
    assert model_status(judge(baseline, current, plain), plain) == (DriftStatus.OK, "1 of 4 features drift")
    critical = Rules(critical={"a"})
    status, why = model_status(judge(baseline, current, critical), critical)
    assert (status, why) == (DriftStatus.DRIFT, "1 of 4 features drift, including critical features: a")
    left_out = Rules(exclude={"a", "b", "c", "d"})
    assert model_status(judge(baseline, current, left_out), left_out)[0] == DriftStatus.NO_DATA
    assert "more than 30% of the compared features" in plain.sentence()
    own = Rules(thresholds={"a": 1e9})
    assert judge(baseline, current, own)[0].status == DriftStatus.OK
