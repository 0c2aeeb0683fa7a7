"""What MLflow clients call: MLflow's own API and the registry of Unity Catalog."""
