"""Logs: one JSON object a line, with the ids that join them."""

import io
import json
import logging
import logging.config

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured

from portal.logs import logging_config, request_id


@pytest.fixture
def lines():
    """Log as the portal does, into memory; put logging back afterwards."""
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    config = logging_config(level="INFO", human=False)
    stream = io.StringIO()
    handler = next(handler for handler in root.handlers if isinstance(handler, logging.StreamHandler))
    handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    assert config["root"]["level"] == "INFO"
    root.handlers[:] = kept
    root.setLevel(level)


def test_a_line_is_json_with_time_level_logger_and_ids(lines):
    with structlog.contextvars.bound_contextvars(run_id=7, request_id="r1"):
        logging.getLogger("deployments.stages.runner").warning("gave up the run: %s", "late")
        assert request_id() == "r1"
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == (
        "gave up the run: late",
        "warning",
        "deployments.stages.runner",
    )
    assert (line["run_id"], line["request_id"]) == (7, "r1")
    assert line["timestamp"].endswith("Z")
    assert request_id() is None


def test_an_exception_is_one_line(lines):
    try:
        raise KeyError("x")
    except KeyError:
        logging.getLogger("deployments").exception("stage %s", "plan")
    (line,) = lines()
    assert "KeyError" in line["exception"]


def test_loggers_that_would_print_secrets_are_quiet(lines):
    logging.getLogger("python_terraform").warning("command: terraform -var token=canary")
    logging.getLogger("httpx").info("GET https://host?token=canary")
    assert lines() == []


def test_a_level_that_is_none_stops_the_start():
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL"):
        logging_config(level="CHATTY", human=False)
