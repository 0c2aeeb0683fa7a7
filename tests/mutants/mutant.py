"""What a mutant is: a fault that somebody could make, and the tests that have to notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """``text``, which stands once in ``function``, becomes ``replacement``.

    Nothing here depends on paths. ``function`` names a function, method or class, qualified only as far as needed
    (``visible_to``, ``RunQuerySet.visible_to``). ``tests`` are names of test functions; all tests of these names run.
    """

    key: str
    function: str
    text: str
    replacement: str
    tests: tuple[str, ...]
