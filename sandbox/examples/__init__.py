"""Training programs as a data scientist writes them: plain MLflow, real data that ships in a package.

``python -m sandbox.examples`` runs all of them against the tracking server that MLFLOW_TRACKING_URI names.
"""
