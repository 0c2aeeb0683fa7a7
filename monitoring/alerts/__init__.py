"""Telling people that something has changed, once."""
