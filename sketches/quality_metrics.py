"""Quality metrics from counts: classification from pairs of classes, regression from sums of errors.

Definitions and values are those of scikit-learn's ``sklearn.metrics`` (Pedregosa et al., JMLR 12, 2011). A division by
zero gives None, except within an average over classes, where it counts as 0 as in scikit-learn.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Confusion:
    """{(predicted, actual): predictions}."""

    pairs: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str, int]]) -> Confusion:
        """From (predicted, actual, predictions). A pair may occur more than once."""
        total: Counter[tuple[str, str]] = Counter()
        for predicted, actual, count in pairs:
            total[(predicted, actual)] += count
        return cls(dict(total))

    @property
    def labelled(self) -> int:
        return sum(self.pairs.values())

    @property
    def classes(self) -> list[str]:
        """Every class that occurs as a prediction or as a label."""
        return sorted({name for pair in self.pairs for name in pair})

    @property
    def accuracy(self) -> float | None:
        """Share of predictions that equal their label (``accuracy_score``)."""
        right = sum(count for (predicted, actual), count in self.pairs.items() if predicted == actual)
        return _share(right, self.labelled)

    def precision(self, name: str) -> float | None:
        """Share of predictions of ``name`` that are right: TP / (TP + FP) (``precision_score``)."""
        return _share(self._right(name), sum(count for pair, count in self.pairs.items() if pair[0] == name))

    def recall(self, name: str) -> float | None:
        """Share of labels ``name`` that were predicted: TP / (TP + FN) (``recall_score``)."""
        return _share(self._right(name), sum(count for pair, count in self.pairs.items() if pair[1] == name))

    def f1(self, name: str) -> float | None:
        """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN) (``f1_score``)."""
        touched = sum(count * ((pair[0] == name) + (pair[1] == name)) for pair, count in self.pairs.items())
        return _share(2 * self._right(name), touched)

    @property
    def macro_precision(self) -> float | None:
        """Unweighted mean of the precision of all classes (``average="macro"``)."""
        return _mean([self.precision(name) for name in self.classes])

    @property
    def macro_recall(self) -> float | None:
        """Unweighted mean of the recall of all classes (``average="macro"``)."""
        return _mean([self.recall(name) for name in self.classes])

    @property
    def macro_f1(self) -> float | None:
        """Unweighted mean of the F1 of all classes (``average="macro"``)."""
        return _mean([self.f1(name) for name in self.classes])

    def _right(self, name: str) -> int:
        return self.pairs.get((name, name), 0)


@dataclass(frozen=True)
class Errors:
    """Sums over ``labelled`` predictions of the error (prediction minus label), its absolute value and its square."""

    labelled: int
    error: float
    absolute: float
    squared: float

    @property
    def mae(self) -> float | None:
        """Mean absolute error (``mean_absolute_error``), in the label's unit."""
        return self.absolute / self.labelled if self.labelled else None

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared error (``root_mean_squared_error``), in the label's unit."""
        return math.sqrt(self.squared / self.labelled) if self.labelled else None

    @property
    def bias(self) -> float | None:
        """Mean error (mean signed deviation), in the label's unit. Above 0 if predictions are too high."""
        return self.error / self.labelled if self.labelled else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    return sum(value or 0.0 for value in values) / len(values) if values else None
