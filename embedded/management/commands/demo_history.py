"""``manage.py demo_history``: see embedded/history.py. The demo starts it."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand

from embedded.history import fill_history
from embedded.runtime import Progress, ended


class Command(BaseCommand):
    help = "Fill a month of requests and costs, marked as demo data, into the running demo. Idempotent."

    def handle(self, *args: Any, **options: Any) -> None:
        # Keep the terminal free for the progress lines.
        logging.getLogger().setLevel(logging.WARNING)
        with ended():
            fill_history(Progress())
