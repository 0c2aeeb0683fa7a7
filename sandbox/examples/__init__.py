"""Training programs of a data scientist: plain MLflow, with real data from a Python package.

``python -m sandbox.examples`` runs all of them against the tracking server that MLFLOW_TRACKING_URI names.
"""
