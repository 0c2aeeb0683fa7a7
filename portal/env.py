"""Typed readers of environment variables. Raise ImproperlyConfigured with the variable's name for a bad value."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


def env_str(name: str, default: str) -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}: write true or false")


def env_int(name: str, default: int, *, low: int, high: int) -> int:
    """An integer with ``low <= number <= high``."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a whole number") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} is {number}: write a number from {low} to {high}")
    return number


def env_list(name: str, default: list[str]) -> list[str]:
    """Comma-separated values, stripped, without empty ones."""
    value = os.environ.get(name, "")
    return [part.strip() for part in value.split(",") if part.strip()] or default


def env_url(name: str, default: str, *, schemes: tuple[str, ...]) -> str:
    """An absolute URL without a trailing slash."""
    value = os.environ.get(name, "").strip() or default
    parts = urlsplit(value)
    if value and (parts.scheme not in schemes or not (parts.netloc or parts.path)):
        raise ImproperlyConfigured(f"{name} is not a URL with one of the schemes {', '.join(schemes)}")
    return value.rstrip("/")


def env_path(name: str, default: Path) -> Path:
    return Path(os.environ.get(name, "").strip() or default).expanduser().resolve()


def env_secret(name: str) -> str:
    """The content of the file named by ``name``_FILE, or else the value of ``name``; "" if neither is set."""
    file_name = os.environ.get(f"{name}_FILE", "").strip()
    if not file_name:
        return os.environ.get(name, "").strip()
    try:
        return Path(file_name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}") from None


def kept_secret(path: Path, make: object) -> str:
    """Read a secret from ``path``. If the file does not exist, create it (mode 0600) with a secret from ``make``."""
    assert callable(make)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    secret: str = make()
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(secret)
    return secret
