"""Records traffic: a spool of rows, and a background task that writes inference tables and usage."""
