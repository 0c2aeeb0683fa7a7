"""Races for tests: several at once, and a lease that has run out."""

from __future__ import annotations

import threading
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from deployments.models import Run


def at_once(*calls):
    """Run ``calls`` in threads that start together; their results in no order, exceptions among them."""
    start, results = threading.Barrier(len(calls)), []

    def work(call):
        start.wait()
        try:
            results.append(call())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def expire_lease(run):
    Run.objects.filter(pk=run.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
