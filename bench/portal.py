"""The portal in a benchmark's own process: on a throw-away PostgreSQL, with DEBUG off and nothing sent anywhere."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile

from cryptography.fernet import Fernet

from tests.postgres import cluster

# Nothing is sent while pages are read.
NO_REDIS = "redis://127.0.0.1:1/0"
INSIDE = "SLIPWAY_BENCH_INSIDE"


def is_inside() -> bool:
    """Whether this process is the one that ``run_inside`` has started."""
    return INSIDE in os.environ


def run_inside(module: str) -> int:
    """Run the module again, in a process whose settings are those of an empty database; its exit status."""
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
    """Django with its tables. It reads its settings when it is imported, so nothing of it may be imported before."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def settle() -> None:
    """As the server is when it begins to answer."""
    import portal.wsgi  # noqa: F401  # all that it does, it does when it is imported


def analyze() -> None:
    """What autovacuum would have done by the time that people look."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
