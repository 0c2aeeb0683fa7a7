"""``manage.py lake status|export|backfill|verify|tidy [TABLE ...]``"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from monitoring.lake.export import backfill, export, status, verify
from monitoring.lake.tables import TABLES
from monitoring.watched import delta
from monitoring.watched.lake_tables import LakeTable

MIB = 1024 * 1024
WRITERS = {"export": export, "backfill": backfill}


class Command(BaseCommand):
    help = "The data lake: show its status, export, backfill, verify against the database, or tidy its tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("status", "export", "backfill", "verify", "tidy"))
        parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"all, or any of {', '.join(TABLES)}")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = sorted(set(options["tables"]) - TABLES.keys())
        if unknown:
            raise CommandError(f"Unknown table: {', '.join(unknown)}. Tables: {', '.join(TABLES)}.")
        chosen = [TABLES[name] for name in options["tables"] or TABLES]
        if options["action"] not in WRITERS:
            getattr(self, f"_{options['action']}")(chosen)
            return
        for table in chosen:
            rows = WRITERS[options["action"]](table)
            self.stdout.write(f"{table.name:<20} {rows:>12,} rows written")

    def _status(self, tables: list[LakeTable]) -> None:
        for table in tables:
            found = status(table)
            until = found.exported_until
            when = f"exported until {until:%Y-%m-%d %H:%M:%S} UTC" if until else "never exported"
            self.stdout.write(f"{table.name:<20} {found.rows:>12,} rows {found.size_bytes / MIB:>9.1f} MiB  {when}")

    def _tidy(self, tables: list[LakeTable]) -> None:
        for table in tables:
            target = delta.find(table)
            if target is not None:
                delta.tidy(table, target, timezone.now().date())
            self.stdout.write(f"{table.name:<20} {'tidy' if target else 'never exported'}")

    def _verify(self, tables: list[LakeTable]) -> None:
        wrong = []
        for table in tables:
            found = verify(table)
            word = "same" if found.is_same else "DIFFERENT"
            counts = f"{found.in_database:>12,} in the database {found.in_lake:>12,} in the lake"
            self.stdout.write(f"{table.name:<20} {counts}  {word}")
            wrong += [] if found.is_same else [table.name]
        if wrong:
            raise CommandError(
                f"Different: {', '.join(wrong)}. Run `manage.py lake backfill {' '.join(wrong)}` to fix it."
            )
