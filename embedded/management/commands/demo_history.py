"""``manage.py demo_history``: see embedded/history.py. The demo starts it."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand

from embedded.history import fill_history
from embedded.runtime import Progress, ended


class Command(BaseCommand):
    help = "Give the demo that runs a month of requests and costs, marked as demo data. Once."

    def handle(self, *args: Any, **options: Any) -> None:
        # The terminal is for people.
        logging.getLogger().setLevel(logging.WARNING)
        with ended():
            fill_history(Progress())
