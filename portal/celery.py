"""The Celery application. The queue `runs` takes the stages of runs, `default` takes all other tasks."""

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
    """Keep the logging of Django's settings: Celery configures none while this signal has a receiver."""


@worker_ready.connect
@worker_process_init.connect
def warm_up(**_: Any) -> None:
    """Import the Databricks SDK when the worker starts: the import takes 2.5 s and would delay a run."""
    import databricks.sdk  # noqa: F401
