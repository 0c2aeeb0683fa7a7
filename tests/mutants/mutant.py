"""What a mutant is: a fault that somebody could make, and the tests that have to notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """``text``, which stands once in ``function``, becomes ``replacement``.

    Nothing here depends on where code lies. ``function`` is the name of a function, a method or a class, with as much
    in front of it as tells it apart (``visible_to``, ``RunQuerySet.visible_to``). ``tests`` are names of test
    functions; all tests with one of these names run.
    """

    key: str
    function: str
    text: str
    replacement: str
    tests: tuple[str, ...]
