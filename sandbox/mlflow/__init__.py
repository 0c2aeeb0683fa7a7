"""The MLflow tracking server that runs as a child process: its start, its registry, its artifacts."""
