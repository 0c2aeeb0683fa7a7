"""Alerts: detect that the standing of a deployment changed, and notify people once."""
