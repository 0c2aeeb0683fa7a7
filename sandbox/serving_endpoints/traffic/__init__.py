"""Requests to endpoints: forwarding, rate limits, metrics."""
