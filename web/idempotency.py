"""Idempotency keys: a POST sent twice runs once. The first request claims the key; later ones get its response."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

# A request without a response after this time is considered dead; its key can be claimed again.
ABANDONED_AFTER = timedelta(minutes=5)
KEY = re.compile(r"[\x21-\x7e]{1,255}")


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def expired(self) -> IdempotencyKeyQuerySet:
        """Keys older than KEPT_FOR."""
        return self.filter(created_at__lt=timezone.now() - IdempotencyKey.KEPT_FOR)


class IdempotencyKey(models.Model):
    """A POST that a client may send again: a hash of the request and, once it has finished, the response."""

    KEPT_FOR = timedelta(hours=24)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    #: Null while the first request is running.
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    location = models.CharField(max_length=1024, blank=True)
    created_at = models.DateTimeField(db_index=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        app_label = "accounts"  # the table belongs to accounts; ``accounts.models`` imports this model
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_idempotency_key")]

    def __str__(self) -> str:
        return self.key


class KeyMalformed(Exception):
    """The key is not 1 to 255 visible ASCII characters."""


class KeyReused(Exception):
    """The key was already used for a different request."""


class StillRunning(Exception):
    """The first request with this key has not finished."""


@dataclass(frozen=True)
class Answer:
    status_code: int
    body: Any
    location: str = ""


def fingerprint(method: str, path: str, data: Any) -> str:
    """A SHA-256 of the request; the order of keys in its JSON does not matter."""
    body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    return hashlib.sha256(method.encode() + b"\n" + path.encode() + b"\n" + body).hexdigest()


def claim(*, user_id: int, key: str, fingerprint: str) -> IdempotencyKey | Answer:
    """Claim ``key``, or return the stored answer of the first request.

    If the key is claimed, handle the request, then call ``settle`` or ``release``.
    Raises KeyMalformed, KeyReused or StillRunning.
    """
    if not KEY.fullmatch(key):
        raise KeyMalformed
    now = timezone.now()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(user_id=user_id, key=key, fingerprint=fingerprint, created_at=now)
    except IntegrityError:
        known = IdempotencyKey.objects.filter(user=user_id, key=key).first()
    if known is None:
        raise StillRunning
    if known.created_at < now - IdempotencyKey.KEPT_FOR:
        return _taken_over(known, fingerprint)
    if known.fingerprint != fingerprint:
        raise KeyReused
    if known.status_code is not None:
        return Answer(known.status_code, known.body, known.location)
    if known.created_at < now - ABANDONED_AFTER:
        return _taken_over(known, fingerprint)
    raise StillRunning


def settle(claimed: IdempotencyKey, answer: Answer) -> None:
    """Store the answer for requests with the same key."""
    IdempotencyKey.objects.filter(pk=claimed.pk, created_at=claimed.created_at).update(
        status_code=answer.status_code, body=answer.body, location=answer.location[:1024]
    )


def release(claimed: IdempotencyKey) -> None:
    """Free the key after a failed request, so that it can be used again."""
    IdempotencyKey.objects.filter(pk=claimed.pk, created_at=claimed.created_at, status_code=None).delete()


def without(body: Any, names: tuple[str, ...]) -> Any:
    """``body`` with the values of ``names`` replaced by None, for responses that contain a secret."""
    if not names or not isinstance(body, Mapping):
        return body
    return {name: None if name in names else value for name, value in body.items()}


def _taken_over(known: IdempotencyKey, fingerprint: str) -> IdempotencyKey:
    """Claim an expired or abandoned key. Raises StillRunning if another request claimed it first."""
    now = timezone.now()
    won = IdempotencyKey.objects.filter(pk=known.pk, created_at=known.created_at).update(
        fingerprint=fingerprint, created_at=now, status_code=None, body=None, location=""
    )
    if not won:
        raise StillRunning
    known.created_at = now
    return known
