"""How good predictions were, from counts alone: of classes from pairs, of numbers from sums.

Definitions are those of scikit-learn's ``sklearn.metrics`` (Pedregosa et al., JMLR 12, 2011), whose values these are.
What divides by nothing is None, but within an average over classes, where it is 0 as there.
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
        """Of (predicted, actual, predictions); the same pair may come more than once."""
        total: Counter[tuple[str, str]] = Counter()
        for predicted, actual, count in pairs:
            total[(predicted, actual)] += count
        return cls(dict(total))

    @property
    def labelled(self) -> int:
        return sum(self.pairs.values())

    @property
    def classes(self) -> list[str]:
        """Every class that was predicted or was so."""
        return sorted({name for pair in self.pairs for name in pair})

    @property
    def accuracy(self) -> float | None:
        """Share of the predictions that are the label (``accuracy_score``)."""
        right = sum(count for (predicted, actual), count in self.pairs.items() if predicted == actual)
        return _share(right, self.labelled)

    def precision(self, name: str) -> float | None:
        """Share of what was predicted as ``name`` that is it: TP / (TP + FP) (``precision_score``)."""
        return _share(self._right(name), sum(count for pair, count in self.pairs.items() if pair[0] == name))

    def recall(self, name: str) -> float | None:
        """Share of what is ``name`` that was predicted as it: TP / (TP + FN) (``recall_score``)."""
        return _share(self._right(name), sum(count for pair, count in self.pairs.items() if pair[1] == name))

    def f1(self, name: str) -> float | None:
        """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN) (``f1_score``)."""
        touched = sum(count * ((pair[0] == name) + (pair[1] == name)) for pair, count in self.pairs.items())
        return _share(2 * self._right(name), touched)

    @property
    def macro_precision(self) -> float | None:
        """Mean of the classes' precision, each class counting the same (``average="macro"``)."""
        return _mean([self.precision(name) for name in self.classes])

    @property
    def macro_recall(self) -> float | None:
        """Mean of the classes' recall, each class counting the same (``average="macro"``)."""
        return _mean([self.recall(name) for name in self.classes])

    @property
    def macro_f1(self) -> float | None:
        """Mean of the classes' F1, each class counting the same (``average="macro"``)."""
        return _mean([self.f1(name) for name in self.classes])

    def _right(self, name: str) -> int:
        return self.pairs.get((name, name), 0)


@dataclass(frozen=True)
class Errors:
    """Sums over ``labelled`` predictions of the error (prediction less label), its amount and its square."""

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
        """Mean error, above 0 where predictions are too high (mean signed deviation), in the label's unit."""
        return self.error / self.labelled if self.labelled else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    return sum(value or 0.0 for value in values) / len(values) if values else None
