"""``/_sandbox/``: faults that can be switched on, and the log of requests that can be counted."""
