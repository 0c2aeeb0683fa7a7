"""Encryption at rest for Terraform state and plan files: Fernet (AES-128-CBC with HMAC-SHA256), rotating keys."""

from __future__ import annotations

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.STATE_KEYS])


def encrypt(plain: bytes) -> bytes:
    return _box().encrypt(plain)


def decrypt(token: bytes | memoryview) -> bytes:
    """Raises cryptography.fernet.InvalidToken if no key in STATE_KEYS decrypts ``token``."""
    return _box().decrypt(bytes(token))
