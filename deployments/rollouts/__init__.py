"""Rollouts: served entities, steps of traffic, how a step is judged, and rolling back."""
