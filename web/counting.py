"""Counters shared by all processes, kept in Redis. The portal keeps working while Redis is down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from django.core.cache import BaseCache, caches
from redis.exceptions import RedisError
from rest_framework import throttling
from rest_framework.request import Request

if TYPE_CHECKING:
    # Avoids an import cycle: DRF's views import the classes named in the settings, including this module's.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)
T = TypeVar("T")


def counted(act: Callable[[BaseCache], T]) -> T:
    """The result of ``act`` on the shared cache, or on the cache of this process while Redis is down."""
    try:
        return act(caches["default"])
    except RedisError as error:
        logger.warning("redis is unavailable, counting in this process only: %s", type(error).__name__)
        return act(caches["process"])


class UserRateThrottle(throttling.UserRateThrottle):
    """Enforces API_RATE over all processes. Every request is allowed while Redis is down."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            logger.warning("redis is unavailable, the API is not throttled: %s", type(error).__name__)
            return True
