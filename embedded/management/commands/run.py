"""``manage.py run``: the portal alone, with the services configured in the environment."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from embedded.portal import run_portal
from embedded.runtime import ended


class Command(BaseCommand):
    help = "Run web, workers and beat on this machine, with the services configured in the environment."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        with ended():
            run_portal()
