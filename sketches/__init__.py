"""Drift and quality metrics from counts, so that rows never leave the workspace.

A baseline fixes the bins, a job in the workspace counts rows in them, and the portal computes metrics from the counts.
"""
