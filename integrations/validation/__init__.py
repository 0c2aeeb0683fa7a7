"""Validation of a model version in a job of the workspace: the script and its result."""
