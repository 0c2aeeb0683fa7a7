"""Pages of health, drift, cost and alerts."""
