"""Logs as one JSON object per line on standard error, each with the served entity's name."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

access_logger = logging.getLogger("serving.access")


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON. Keys of `extra={"fields": {...}}` become keys of the line. Times are in UTC."""

    def __init__(self, served_entity: str) -> None:
        super().__init__()
        self._served_entity = served_entity

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "served_entity": self._served_entity,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(served_entity: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(served_entity))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # The middleware already logs every request.
    logging.getLogger("uvicorn.access").disabled = True
