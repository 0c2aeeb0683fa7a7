"""The drift status of each feature and of the model, from a baseline and a current sketch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from statistics import median_low
from typing import Any

from sketches.metrics import METRICS, chi_square_quantile, explained_by_chance, new_share, null_share


class DriftStatus(StrEnum):
    DRIFT = "drift"
    OK = "ok"
    NO_DATA = "no_data"
    NOT_COMPARABLE = "not_comparable"
    EXCLUDED = "excluded"


@dataclass(frozen=True)
class Rules:
    """How a deployment judges drift."""

    metric: str = "psi"
    #: For features that ``thresholds`` does not name.
    threshold: float = 0.2
    thresholds: Mapping[str, float] = field(default_factory=dict)
    exclude: Collection[str] = ()
    critical: Collection[str] = ()
    #: A feature with fewer values in the window is not judged.
    min_samples: int = 100
    #: The model drifts above this share of drifting features, from 0 to 1.
    max_drifting_share: float = 0.3

    def sentence(self) -> str:
        """The rule for the model, as text for people."""
        label = METRICS[self.metric].label
        return (
            f"The model drifts when a critical feature drifts, or more than {self.max_drifting_share:.0%} of the "
            f"compared features do. A feature drifts when its {label} reaches {self.threshold:g}, or a threshold of "
            f"its own, and chance does not explain it (chi-square test, 1 in 1,000). Windows with fewer than "
            f"{self.min_samples} values are not judged."
        )

    def enough(self, baseline: Mapping[str, Any]) -> int:
        """How many predictions a window needs so that chance alone stays below the threshold in most features.

        Without drift, the PSI is about (1/n + 1/m) times a chi-square variable with one degree of freedom less than
        there are bins (Yurdakul, 2018). For other metrics it is ``min_samples``.
        """
        entries = [entry for name, entry in baseline["sketch"].items() if name not in self.exclude]
        filled = [sum(count > 0 for count in entry["counts"]) for entry in entries]
        if self.metric != "psi" or not filled or not baseline["rows"]:
            return self.min_samples
        noise = chi_square_quantile(median_low(filled) - 1)
        room = self.threshold - noise / baseline["rows"]
        # With a small baseline no window is large enough: then use the size of the baseline.
        return max(self.min_samples, ceil(noise / room) if room > 0 else int(baseline["rows"]))


@dataclass(frozen=True)
class FeatureDrift:
    """The result for one feature."""

    name: str
    kind: str
    status: DriftStatus
    #: The chosen metric, or its replacement if the chosen one does not support ``kind``.
    metric: str
    value: float | None
    threshold: float
    reference_n: int
    current_n: int
    null_share: float | None
    reference_null_share: float | None
    new_share: float | None
    is_critical: bool
    reason: str


NO_ROWS: Mapping[str, Any] = {"rows": 0, "nulls": 0, "mismatched": 0, "missing": 0, "counts": [0]}
#: Categories have no order. Metrics that need one are replaced by a similar distance that does not.
FOR_CATEGORIES = {"ks": "linf", "wasserstein": "js"}


def judge(baseline: Mapping[str, Any], current: Mapping[str, Any], rules: Rules) -> list[FeatureDrift]:
    """One result for every feature of the baseline, also if it cannot be compared. Never raises for data."""
    judged = [_feature(name, feature, baseline, current, rules) for name, feature in baseline["features"].items()]
    refused = baseline.get("not_comparable", {})
    return judged + [_refused(name, reason, rules) for name, reason in refused.items()]


def _refused(name: str, reason: str, rules: Rules) -> FeatureDrift:
    status = DriftStatus.EXCLUDED if name in rules.exclude else DriftStatus.NOT_COMPARABLE
    threshold = rules.thresholds.get(name, rules.threshold)
    critical = name in rules.critical
    return FeatureDrift(name, "", status, rules.metric, None, threshold, 0, 0, None, None, None, critical, reason)


def _feature(
    name: str, feature: Mapping[str, Any], baseline: Mapping[str, Any], current: Mapping[str, Any], rules: Rules
) -> FeatureDrift:
    was, now = baseline["sketch"][name], current.get(name) or NO_ROWS
    metric = METRICS[rules.metric]
    if feature["kind"] not in metric.kinds:
        metric = METRICS[FOR_CATEGORIES[metric.key]]
    threshold = rules.thresholds.get(name, rules.threshold)
    value = None
    if name in rules.exclude:
        status, reason = DriftStatus.EXCLUDED, "excluded by the deployment's settings"
    elif refusal := _cannot_judge(feature, now, rules.min_samples):
        status, reason = refusal
    else:
        value = metric.value(was, now, feature)
        status, reason = _verdict(value, threshold, was, now)
    return FeatureDrift(
        name=name,
        kind=feature["kind"],
        status=status,
        metric=metric.key,
        value=value,
        threshold=threshold,
        reference_n=sum(was["counts"]),
        current_n=sum(now["counts"]),
        null_share=null_share(now),
        reference_null_share=null_share(was),
        new_share=new_share(now),
        is_critical=name in rules.critical,
        reason=reason,
    )


def _cannot_judge(
    feature: Mapping[str, Any], now: Mapping[str, Any], min_samples: int
) -> tuple[DriftStatus, str] | None:
    """(status, reason) if the feature cannot be judged in this window, else None."""
    if not now["rows"]:
        return DriftStatus.NO_DATA, "no requests in this window"
    if now["missing"] == now["rows"]:
        return DriftStatus.NO_DATA, "no request contained this feature"
    known = sum(now["counts"])
    if now["mismatched"] and now["mismatched"] >= known:
        return DriftStatus.NOT_COMPARABLE, f"values are not {feature['kind']} as in the baseline"
    if not known:
        return DriftStatus.NO_DATA, "all values are null"
    if known < min_samples:
        return DriftStatus.NO_DATA, f"{known} values are too few; at least {min_samples} are needed"
    return None


def _verdict(
    value: float | None, threshold: float, was: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[DriftStatus, str]:
    if value is None:
        return DriftStatus.NOT_COMPARABLE, "the feature is constant in the baseline"
    if value < threshold:
        return DriftStatus.OK, f"{value:.3g} is below {threshold:g}"
    if explained_by_chance(was["counts"], now["counts"]):
        return DriftStatus.OK, f"{value:.3g}, which chance explains for {sum(now['counts'])} values"
    return DriftStatus.DRIFT, f"{value:.3g} is at or above {threshold:g}"


def model_status(features: Iterable[FeatureDrift], rules: Rules) -> tuple[DriftStatus, str]:
    """The status of the model and the reason, by the rule that ``Rules.sentence`` describes."""
    compared = [item for item in features if item.status in (DriftStatus.DRIFT, DriftStatus.OK)]
    if not compared:
        return DriftStatus.NO_DATA, "no feature could be compared"
    drifting = [item for item in compared if item.status == DriftStatus.DRIFT]
    critical = [item.name for item in drifting if item.is_critical]
    counted = f"{len(drifting)} of {len(compared)} features drift"
    if critical:
        return DriftStatus.DRIFT, f"{counted}, including critical features: {', '.join(critical)}"
    if len(drifting) > rules.max_drifting_share * len(compared):
        return DriftStatus.DRIFT, counted
    return DriftStatus.OK, counted
