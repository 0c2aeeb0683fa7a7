"""The objects of Unity Catalog in the store: names, rows and privileges."""
