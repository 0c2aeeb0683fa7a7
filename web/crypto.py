"""Encryption at rest for Terraform state and plan files: Fernet (AES-128-CBC with HMAC-SHA256), keys rotate."""

from __future__ import annotations

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.STATE_KEYS])


def encrypt(plain: bytes) -> bytes:
    return _box().encrypt(plain)


def decrypt(token: bytes | memoryview) -> bytes:
    """Raises cryptography.fernet.InvalidToken when no key of STATE_KEYS made ``token``."""
    return _box().decrypt(bytes(token))
