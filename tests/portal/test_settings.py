"""Settings, read by a fresh interpreter: what starts, and what stops the start."""

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from portal import settings as settings_module

PROBE = """
import json
from portal import settings as s
print(json.dumps({"engine": s.DATABASES["default"]["ENGINE"], "embedded": s.EMBEDDED, "debug": s.DEBUG,
    "secure": s.SESSION_COOKIE_SECURE, "cookie": s.SESSION_COOKIE_NAME, "broker": s.CELERY_BROKER_URL,
    "keys": len(s.STATE_KEYS), "secret": s.SECRET_KEY}))
"""
COMPANY = {
    "DATABASE_URL": "postgresql://slipway@db/slipway",
    "REDIS_URL": "redis://redis:6379/0",
    "SECRET_KEY": "a-secret-of-a-test",
    "STATE_KEYS": f"{Fernet.generate_key().decode()},{Fernet.generate_key().decode()}",
    "PUBLIC_URL": "https://slipway.example.com",
}


@pytest.fixture
def start(tmp_path):
    """``start(NAME="value")``: what the settings are in that environment, or the words of the refusal."""

    def run(**environment):
        clean = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **environment}
        result = subprocess.run([sys.executable, "-c", PROBE], env=clean, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return json.loads(result.stdout)
        assert "ImproperlyConfigured" in result.stderr
        return result.stderr.strip().splitlines()[-1]

    return run


def test_with_nothing_set_the_portal_is_embedded_and_keeps_its_own_secrets(start):
    first, second = start(), start(PORT="8123")
    assert (first["engine"], first["embedded"], first["debug"]) == ("django.db.backends.sqlite3", True, False)
    assert first["secret"] == second["secret"]
    assert first["cookie"] != second["cookie"], "two portals on one host do not share a session"


def test_a_company_sets_its_own(start):
    found = start(**COMPANY)
    assert (found["engine"], found["embedded"]) == ("django.db.backends.postgresql", False)
    assert (found["secure"], found["broker"], found["keys"]) == (True, "redis://redis:6379/0", 2)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"STATE_KEYS": ""}, "STATE_KEYS"),
        ({"DATABASE_URL": "nonsense://x"}, "DATABASE_URL"),
        ({"PORT": "70000"}, "PORT"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL"),
        ({"LOG_LEVEL": "CHATTY"}, "LOG_LEVEL"),
        ({"LEASE_S": "1"}, "LEASE_S"),
    ],
)
def test_a_bad_value_stops_the_start_and_names_its_variable(start, change, name):
    assert name in start(**{**COMPANY, **change})


def test_a_refusal_does_not_print_the_value_of_a_secret(start):
    refusal = start(**{**COMPANY, "DATABASE_URL": "nonsense://user:canary-password@db/x"})
    assert "canary-password" not in refusal


def test_no_setting_is_assigned_twice():
    tree = ast.parse(Path(settings_module.__file__).read_text())
    assigned = [
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    assert [name for name, times in Counter(assigned).items() if times > 1] == []
