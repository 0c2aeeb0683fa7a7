"""Drift metrics from binned counts. Each has a published definition and a documented rule for empty bins.

``reference`` and ``current`` are counts in the same bins and order, each with at least one value. Nulls are not
binned; their share is compared separately. Metrics are effect sizes, not p-values: in a large window a p-value finds
any difference significant, however small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Counts = Sequence[int] | np.ndarray[Any, Any]
Shares = np.ndarray[Any, np.dtype[np.float64]]

#: The share of an empty bin in PSI, where the logarithm of 0 is undefined.
EMPTY_SHARE = 1e-4
#: The 0.999 quantile of the standard normal distribution.
Z_OF_CHANCE = 3.090232


def shares(counts: Counts) -> Shares:
    """Counts as shares that add up to 1. Raises ValueError if all counts are 0."""
    array = np.asarray(counts, dtype=np.float64)
    total = array.sum()
    if not total > 0:
        raise ValueError("no values to compare")
    result: Shares = array / total
    return result


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index: sum of (q - p) ln(q / p) over the bins, p of the reference, q of the current window.

    A bin that is empty on one side counts there as a share of 0.0001, and shares are not rescaled. A bin that is empty
    on both sides adds nothing. By convention, below 0.1 is stable and above 0.2 or 0.25 is shifted.
    Source: Siddiqi, Credit Risk Scorecards (2006); the same rule for empty bins as in Evidently.
    """
    p, q = shares(reference), shares(current)
    # If a bin is empty on both sides, both shares are equal and its logarithm is 0.
    p, q = np.where(p > 0, p, EMPTY_SHARE), np.where(q > 0, q, EMPTY_SHARE)
    return float(np.dot(q - p, np.log(q / p)))


def js_distance(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance, base 2: the square root of the divergence, from 0 (equal) to 1 (disjoint).

    Source: Lin (1991), Endres and Schindelin (2003); scipy.spatial.distance.jensenshannon with base=2.
    """
    p, q = shares(reference), shares(current)
    middle = (p + q) / 2
    divergence = (_kullback_leibler(p, middle) + _kullback_leibler(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _kullback_leibler(p: Shares, m: Shares) -> float:
    """Kullback-Leibler divergence in bits, with 0 log 0 = 0."""
    known = p > 0
    return float(np.sum(p[known] * np.log2(p[known] / m[known])))


def ks(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov statistic of the binned data: the largest |F(e) - G(e)| over the edges of the bins, 0 to 1.

    It never exceeds the exact statistic of the unbinned data, and falls short of it by at most the largest share that
    one bin holds on either side.
    """
    return float(np.max(np.abs(np.cumsum(shares(reference)) - np.cumsum(shares(current)))))


def l_infinity(reference: Counts, current: Counts) -> float:
    """The largest |p - q| of any one bin, 0 to 1. Source: Chebyshev distance; as in Vertex AI and TFDV."""
    return float(np.max(np.abs(shares(reference) - shares(current))))


@dataclass(frozen=True)
class ChiSquare:
    """Pearson's statistic, its degrees of freedom, and Cramér's V, the effect size from 0 to 1."""

    statistic: float
    degrees_of_freedom: int
    cramers_v: float


def chi_square(reference: Counts, current: Counts) -> ChiSquare:
    """Pearson's test of homogeneity of the 2 x bins table of counts, without Yates' correction.

    Bins that are empty on both sides do not count. With one bin left nothing can differ: all values are 0.
    Source: scipy.stats.chi2_contingency with correction=False; V = sqrt(statistic / total), as the table has two rows.
    """
    table = np.asarray([reference, current], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if not (table.sum(axis=1) > 0).all():
        raise ValueError("no values to compare")
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(np.sum((table - expected) ** 2 / expected))
    return ChiSquare(statistic, table.shape[1] - 1, float(np.sqrt(statistic / total)))


def explained_by_chance(reference: Counts, current: Counts) -> bool:
    """Whether chance explains the difference: Pearson's test of homogeneity at a significance level of 0.001.

    It applies to every metric: a small window always differs a little.
    """
    found = chi_square(reference, current)
    return found.statistic <= chi_square_quantile(found.degrees_of_freedom)


def chi_square_quantile(degrees_of_freedom: int) -> float:
    """The 0.999 quantile of the chi-square distribution; 0 for 0 degrees of freedom.

    Source: Wilson and Hilferty (1931); within 4 % of the exact quantile, within 1.2 % from 5 degrees on.
    """
    if degrees_of_freedom < 1:
        return 0.0
    spread = 2 / (9 * degrees_of_freedom)
    return float(degrees_of_freedom * (1 - spread + Z_OF_CHANCE * spread**0.5) ** 3)


def wasserstein(reference: Counts, current: Counts, places: Sequence[float]) -> float:
    """First Wasserstein distance of the binned data, each bin's values at its place, in the unit of the data.

    With places inside the bins it differs from the exact distance by at most the sum over the bins of
    (p + q) times the longest way from the place to an end of its bin.
    Source: scipy.stats.wasserstein_distance(places, places, reference, current).
    """
    x = np.asarray(places, dtype=np.float64)
    between = np.abs(np.cumsum(shares(reference)) - np.cumsum(shares(current)))[:-1]
    return float(np.sum(between * np.diff(x)))


def bin_places(edges: Sequence[float], low: float | None, high: float | None) -> list[float]:
    """The middle of each bin of a numeric sketch, at which all of its values are assumed to be.

    ``low`` and ``high`` are the smallest and largest finite values of the window: the outer ends of the first and the
    last bin. Those bins have a width of 0 if no value is outside the edges.
    """
    first, last = edges[0], edges[-1]
    below = first if low is None else min(low, first)
    above = last if high is None else max(high, last)
    ends = [below, *edges, above]
    return [a / 2 + b / 2 for a, b in pairwise(ends)]


def normed_wasserstein(
    reference: Mapping[str, Any], current: Mapping[str, Any], edges: Sequence[float]
) -> float | None:
    """Wasserstein distance of two numeric sketch entries in standard deviations of the reference.

    None if the reference is constant, because its standard deviation is 0.
    """
    scale = standard_deviation(reference)
    if not scale:
        return None
    places = bin_places(edges, current["min"], current["max"])
    return wasserstein(reference["counts"], current["counts"], places) / scale


def mean(entry: Mapping[str, Any]) -> float | None:
    """Mean of the finite values of a numeric sketch entry; None if there are none."""
    finite = sum(entry["counts"]) - entry["infinite"]
    return entry["sum"] / finite if finite else None


def standard_deviation(entry: Mapping[str, Any]) -> float | None:
    """Population standard deviation of the finite values; None if there are none."""
    finite = sum(entry["counts"]) - entry["infinite"]
    if not finite:
        return None
    if entry["min"] == entry["max"]:
        return 0.0
    average = entry["sum"] / finite
    return float(np.sqrt(max(entry["sum_sq"] / finite - average * average, 0.0)))


def null_share(entry: Mapping[str, Any]) -> float | None:
    """Share of nulls among the readable rows that had the column; None if there are none."""
    rows = entry["rows"] - entry["missing"] - entry["mismatched"]
    return entry["nulls"] / rows if rows else None


def new_share(entry: Mapping[str, Any]) -> float | None:
    """Share of non-null values that the baseline does not cover; None if all values are null.

    These are categories without a bin, and numbers below or above all edges.
    """
    counts = entry["counts"]
    outside = counts[0] + counts[-1] if "sum" in entry else counts[-1]
    total = sum(counts)
    return outside / total if total else None


@dataclass(frozen=True)
class Metric:
    """A metric that a deployment may choose."""

    key: str
    label: str
    kinds: frozenset[str]
    #: Takes the entry of the baseline, the entry of the window, and the bins of the feature.
    value: Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], float | None]


def _of_counts(function: Callable[[Counts, Counts], float]) -> Callable[..., float]:
    return lambda reference, current, feature: function(reference["counts"], current["counts"])


ANY_KIND = frozenset({"numeric", "categorical"})
METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("psi", "PSI", ANY_KIND, _of_counts(psi)),
        Metric("js", "Jensen-Shannon distance", ANY_KIND, _of_counts(js_distance)),
        Metric("ks", "KS, binned", frozenset({"numeric"}), _of_counts(ks)),
        Metric(
            "wasserstein",
            "Wasserstein distance, in standard deviations",
            frozenset({"numeric"}),
            lambda reference, current, feature: normed_wasserstein(reference, current, feature["edges"]),
        ),
        Metric("chi2", "Chi-square, as Cramér's V", ANY_KIND, _of_counts(lambda p, q: chi_square(p, q).cramers_v)),
        Metric("linf", "L-infinity", ANY_KIND, _of_counts(l_infinity)),
    )
}
