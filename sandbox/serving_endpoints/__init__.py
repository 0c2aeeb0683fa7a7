"""Serving endpoints: one real process per served entity, with the states and errors of the documented API."""
