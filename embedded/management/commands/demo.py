"""``manage.py demo``: see embedded/demo.py."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from embedded.demo import run_demo
from embedded.runtime import ended


class Command(BaseCommand):
    help = "Run all of Slipway on this machine, with a workspace, people, models and a first deployment."
    # Everything is checked by what starts the parts; the database may not be there yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bare", action="store_true", help="people and environments, but no models")

        parser.add_argument("--no-history", action="store_true", help="no month of requests and costs")

    def handle(self, *args: Any, **options: Any) -> None:
        with ended():
            run_demo(with_content=not options["bare"], with_history=not options["no_history"])
