"""Structured logs: one JSON object per line, with the request id and the run id if there is one."""

from __future__ import annotations

import logging.config
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def request_id() -> str | None:
    """The id of the current request, as in its log lines; None outside a request."""
    value = structlog.contextvars.get_contextvars().get("request_id")
    return str(value) if value else None


def logging_config(*, level: str, human: bool) -> dict[str, Any]:
    """Configure logging immediately, for Celery, granian and manage.py, and return the dictConfig."""
    if level not in logging.getLevelNamesMapping():
        raise ImproperlyConfigured(f"LOG_LEVEL is {level!r}: write DEBUG, INFO, WARNING or ERROR")
    renderer = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                "foreign_pre_chain": SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # python-terraform prints variable values at DEBUG.
            "python_terraform": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "databricks.sdk": {"level": "WARNING"},
        },
    }
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return config
