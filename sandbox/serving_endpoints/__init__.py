"""Serving endpoints: one process per served entity, with the states and errors of the documented API."""
