"""Drift without moving the data: fixed bins from a baseline, counts where the data is, metrics from counts."""
