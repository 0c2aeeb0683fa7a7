"""AI-Gateway-enabled inference tables: each request of an endpoint as a row of a Delta table."""
