"""What people and pipelines may do with health, drift, cost and alerts."""
