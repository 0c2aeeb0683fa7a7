"""The Files API: files of volumes, of model versions and of MLflow's artifacts."""
