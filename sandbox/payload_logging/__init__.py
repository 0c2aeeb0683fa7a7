"""From requests to rows: the spool, and the task that writes inference tables and usage."""
