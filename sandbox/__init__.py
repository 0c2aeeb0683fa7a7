"""A Databricks-compatible workspace for laptops, CI and demos: a program of its own, ``python -m sandbox``."""
