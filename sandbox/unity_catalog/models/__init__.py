"""Registered models and their versions: MLflow's registry, and rows in the store."""
