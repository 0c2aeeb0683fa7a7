"""``manage.py demo``: see embedded/demo.py."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from embedded.demo import run_demo
from embedded.runtime import ended


class Command(BaseCommand):
    help = "Run all of Slipway on this machine, with a workspace, users, models and a first deployment."
    # The database may not exist yet, and each part runs the checks when it starts.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bare", action="store_true", help="create users and environments, but no models")

        parser.add_argument("--no-history", action="store_true", help="do not fill a month of requests and costs")

    def handle(self, *args: Any, **options: Any) -> None:
        with ended():
            run_demo(with_content=not options["bare"], with_history=not options["no_history"])
