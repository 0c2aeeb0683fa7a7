"""AI Gateway-enabled inference tables: Delta tables with one row for each request to an endpoint."""
