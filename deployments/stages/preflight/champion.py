"""How a version's metrics compare with those of the version that the model calls its champion."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from catalog.models import ModelVersion
from deployments.stages.preflight.check import Check

CHAMPION = "champion"
NAME = "Compared with champion"
# Parts of names of metrics of which less is better; of any other, more is.
LESS_IS_BETTER = {
    *("loss", "logloss", "error", "rmse", "mse", "mae", "mape", "smape", "rmsle", "brier", "deviance", "perplexity"),
    *("fpr", "fnr", "latency", "ms", "seconds"),
}
WORD = re.compile(r"[a-z]+")


def compared(version: ModelVersion) -> Check:
    """Never a failure: which metric matters is for people to say."""
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
    """Looked for here, because SQLite cannot ask whether a JSON list contains something."""
    named = version.model.versions.filter(removed_at=None).exclude(aliases=[])
    return next((row for row in named if CHAMPION in row.aliases), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(name: str, ours: Mapping[str, float], theirs: Mapping[str, float]) -> str:
    mine, other = ours[name], theirs[name]
    gain = other - mine if LESS_IS_BETTER & set(WORD.findall(name.lower())) else mine - other
    verdict = "better" if gain > 0 else "worse" if gain < 0 else "the same"
    return f"{name} {mine:.4g}, was {other:.4g} ({verdict})"
