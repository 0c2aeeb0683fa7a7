"""The Celery application: queue `runs` for stages of a run, queue `default` for everything else."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_ready
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("slipway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Django's settings configure logging; Celery leaves it alone while this receiver exists."""


@worker_ready.connect
@worker_process_init.connect
def warm_up(**_: Any) -> None:
    """Import the Databricks SDK now: its 2.5 s belong to the start of a worker, not to somebody's run."""
    import databricks.sdk  # noqa: F401
