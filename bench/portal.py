"""Runs the portal in the process of a benchmark, on a temporary PostgreSQL, with DEBUG off and without a broker."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile

from cryptography.fernet import Fernet

from tests.postgres import cluster

# An unreachable Redis: reading pages does not send tasks.
NO_REDIS = "redis://127.0.0.1:1/0"
INSIDE = "SLIPWAY_BENCH_INSIDE"


def is_inside() -> bool:
    """Whether ``run_inside`` started this process."""
    return INSIDE in os.environ


def run_inside(module: str) -> int:
    """Run the module in a new process with an empty database and return its exit status."""
    with cluster() as url, tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        environment = {
            **os.environ,
            INSIDE: "1",
            "DATABASE_URL": url,
            "REDIS_URL": NO_REDIS,
            "CACHE_URL": "locmem",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "STATE_KEYS": Fernet.generate_key().decode(),
            "STATIC_ROOT": f"{name}/static",
            "LAKE_URI": f"{name}/lake",
            "DEBUG": "0",
        }
        return subprocess.run([sys.executable, "-m", module], env=environment, check=False).returncode


def start() -> None:
    """Set up Django and migrate. Modules that read Django's settings must be imported after this call."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def settle() -> None:
    """Bring the process into the state of a started server: all views imported, garbage collector frozen."""
    import portal.wsgi  # noqa: F401  # imported for its side effects


def analyze() -> None:
    """Update the planner's statistics, as autovacuum does in production."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
