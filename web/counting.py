"""Counts that all processes share, kept in Redis. While Redis does not answer, the portal goes on without it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from django.core.cache import BaseCache, caches
from redis.exceptions import RedisError
from rest_framework import throttling
from rest_framework.request import Request

if TYPE_CHECKING:
    # DRF's views import the classes that the settings name, this module's among them.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)
T = TypeVar("T")


def counted(act: Callable[[BaseCache], T]) -> T:
    """The result of ``act`` on the shared cache; on the cache of this process while Redis does not answer."""
    try:
        return act(caches["default"])
    except RedisError as error:
        logger.warning("redis does not answer, counting in this process alone: %s", type(error).__name__)
        return act(caches["process"])


class UserRateThrottle(throttling.UserRateThrottle):
    """API_RATE over all processes. While Redis does not answer, every request is allowed."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            logger.warning("redis does not answer, the API is not throttled: %s", type(error).__name__)
            return True
