"""The objects of Unity Catalog in the store: names, rows, privileges."""
