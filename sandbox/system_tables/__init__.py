"""The tables of the catalog `system`, with the documented columns."""
