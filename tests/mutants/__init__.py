"""Sixty seeded faults, each of which a named test has to notice: ``python -m tests.mutants``, or ``make mutants``."""
