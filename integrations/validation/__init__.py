"""Trying a model version in a job of the workspace: the script that runs there, and what it says."""
