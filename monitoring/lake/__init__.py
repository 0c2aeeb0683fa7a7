"""Delta tables of everything worth keeping."""
