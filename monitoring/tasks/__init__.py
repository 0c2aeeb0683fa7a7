"""Celery's doors to what watches deployments. Each may run twice, at the same time, and on any worker."""
