"""What pages and the API show, without a query of their own."""
