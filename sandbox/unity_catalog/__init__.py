"""Unity Catalog 2.1: catalogs, schemas, tables, volumes, registered models, grants and tags."""
