"""Executes runs: the order of tasks, their processes, the outcome."""
