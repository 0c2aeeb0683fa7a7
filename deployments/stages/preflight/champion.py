"""Comparing a version's metrics with those of the model's champion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from catalog.models import ModelVersion
from deployments.stages.preflight.check import Check

CHAMPION = "champion"
NAME = "Compared with champion"
# Words in names of metrics for which lower is better. For all others, higher is better.
LESS_IS_BETTER = {
    *("loss", "logloss", "error", "rmse", "mse", "mae", "mape", "smape", "rmsle", "brier", "deviance", "perplexity"),
    *("fpr", "fnr", "latency", "ms", "seconds"),
}
WORD = re.compile(r"[a-z]+")


def compared(version: ModelVersion) -> Check:
    """The comparison as a check. It never fails, because people decide which metric matters."""
    champion = _champion(version)
    if champion is None:
        return Check(NAME, "pass", f"no version of the model has the alias {CHAMPION}.")
    if champion.pk == version.pk:
        return Check(NAME, "pass", f"version {version.version} is the champion.")
    shared = sorted(name for name in version.metrics if name in champion.metrics)
    numeric = [name for name in shared if _is_number(version.metrics[name]) and _is_number(champion.metrics[name])]
    if not numeric:
        return Check(NAME, "warn", f"it has no metric in common with version {champion.version}, the champion.")
    words = [_words(name, version.metrics, champion.metrics) for name in numeric]
    worse = any(word.endswith("worse)") for word in words)
    text = f"against version {champion.version}: {'; '.join(words)}."
    return Check(NAME, "warn" if worse else "pass", text)


def _champion(version: ModelVersion) -> ModelVersion | None:
    """The champion, searched in Python because SQLite cannot query whether a JSON list contains a value."""
    named = version.model.versions.filter(removed_at=None).exclude(aliases=[])
    return next((row for row in named if CHAMPION in row.aliases), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(name: str, ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    mine, other = ours[name], theirs[name]
    gain = other - mine if LESS_IS_BETTER & set(WORD.findall(name.lower())) else mine - other
    verdict = "better" if gain > 0 else "worse" if gain < 0 else "the same"
    return f"{name} {mine:.4g}, was {other:.4g} ({verdict})"
