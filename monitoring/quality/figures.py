"""Quality metrics from daily counts. The definitions are in ``sketches.quality_metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from monitoring.quality.models import LabelSource, QualityDay
from sketches.quality import as_class
from sketches.quality_metrics import Confusion, Errors

#: Figures with fewer labels, or for a smaller share of the predictions, are marked as not representative.
FEW_LABELS, FEW_SHARE = 30, 0.1
FEW = "few labels"
LISTED = 5


@dataclass
class Counts:
    """Counts of any number of days, added up."""

    predictions: int = 0
    with_id: int = 0
    labelled: int = 0
    timed: int = 0
    delay_s: float = 0.0
    error: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    pairs: list[tuple[str, str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, days: Iterable[QualityDay]) -> Counts:
        total = cls()
        for day in days:
            for name in ("predictions", "with_id", "labelled", "timed", "delay_s", "error", "absolute", "squared"):
                setattr(total, name, getattr(total, name) + getattr(day, name))
            total.pairs += [(predicted, actual, count) for predicted, actual, count in day.pairs]
        return total

    @property
    def coverage(self) -> float | None:
        """Share of predictions that have a label, from 0 to 1; None without predictions."""
        return self.labelled / self.predictions if self.predictions else None

    @property
    def delay_days(self) -> float | None:
        """Mean delay of labels after their predictions, in days; None if no label has a time."""
        return self.delay_s / self.timed / 86400 if self.timed else None

    @property
    def has_few(self) -> bool:
        """Whether there are too few labels for a representative figure."""
        return self.labelled < FEW_LABELS or (self.coverage or 0.0) < FEW_SHARE

    @cached_property
    def confusion(self) -> Confusion:
        return Confusion.of(self.pairs)

    @property
    def errors(self) -> Errors:
        return Errors(self.labelled, self.error, self.absolute, self.squared)


@dataclass(frozen=True)
class Metric:
    """A quality metric."""

    #: Its name in the API and in CSV.
    key: str
    label: str
    value: Callable[[Counts], float | None]
    #: The best possible value: 1 for shares, 0 for errors.
    best: float = 1.0

    @property
    def is_error(self) -> bool:
        return self.best == 0.0


MACRO = (
    Metric("macro_precision", "Macro precision", lambda counts: counts.confusion.macro_precision),
    Metric("macro_recall", "Macro recall", lambda counts: counts.confusion.macro_recall),
    Metric("macro_f1", "Macro F1", lambda counts: counts.confusion.macro_f1),
)
OF_NUMBERS = (
    Metric("mae", "MAE", lambda counts: counts.errors.mae, best=0.0),
    Metric("rmse", "RMSE", lambda counts: counts.errors.rmse, best=0.0),
    Metric("bias", "Bias", lambda counts: counts.errors.bias, best=0.0),
)
ACCURACY = Metric("accuracy", "Accuracy", lambda counts: counts.confusion.accuracy)


def metrics_of(source: LabelSource) -> tuple[Metric, ...]:
    """The metrics for this kind of labels, most important first."""
    return metrics_for(source.kind, source.positive_label)


def metrics_for(kind: str, positive_label: str) -> tuple[Metric, ...]:
    if kind == LabelSource.Kind.REGRESSION:
        return OF_NUMBERS
    return (ACCURACY, *_of_positive(positive_label), *MACRO)


def _of_positive(label: str) -> tuple[Metric, ...]:
    if not label:
        return ()
    name = as_class(label)
    return (
        Metric("precision", f"Precision of {label}", lambda counts: counts.confusion.precision(name)),
        Metric("recall", f"Recall of {label}", lambda counts: counts.confusion.recall(name)),
        Metric("f1", f"F1 of {label}", lambda counts: counts.confusion.f1(name)),
    )


def doubt(source: LabelSource, counts: Counts) -> str:
    """Why labels and predictions may not be comparable; "" if they seem to be."""
    pairs = counts.confusion.pairs
    if source.kind == LabelSource.Kind.REGRESSION or not pairs:
        return ""
    predicted, actual = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    if not predicted & actual:
        return (
            f"No label equals a predicted class: labels are {_listed(actual)}, predictions {_listed(predicted)}. "
            "If predictions are 0 and 1, set the positive label."
        )
    positive = as_class(source.positive_label) if source.positive_label else ""
    if positive and positive not in predicted | actual:
        return f"The positive label {source.positive_label} does not occur: labels are {_listed(actual)}."
    return ""


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)[:LISTED]) + (" and others" if len(names) > LISTED else "")
