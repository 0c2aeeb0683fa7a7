"""Watching the endpoint while Terraform waits for it, so that the log shows more than "still creating".

Also fetches the build log of a failed version: after a failed first deployment, the provider deletes the endpoint and
its logs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from deployments.deployment.reading import ready_word
from deployments.runs.statuses import Level
from deployments.stages.context import Context
from integrations.databricks.records import Endpoint, ServedEntity
from integrations.errors import IntegrationError

logger = logging.getLogger(__name__)

POLL_EVERY_S = 1.0
EXCERPT_LINES = 20
TAIL_LINES = 40


@contextmanager
def watch_endpoint(context: Context) -> Iterator[None]:
    """Log each change of the endpoint's state until the block ends. Never raises."""
    done = threading.Event()
    thread = threading.Thread(target=_watch, args=(context, done), name="endpoint-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=30)


def _watch(context: Context, done: threading.Event) -> None:
    seen: set[str] = set()
    workspace, name = context.workspace, context.run.deployment.name
    while not done.wait(POLL_EVERY_S):
        try:
            endpoint = workspace.get_endpoint(name)
            if endpoint:
                _report(context, endpoint, seen)
        except IntegrationError as error:
            logger.info("watching the endpoint: %s", error.message)


def _report(context: Context, endpoint: Endpoint, seen: set[str]) -> None:
    entities = [*endpoint.served_entities, *endpoint.pending_entities]
    for line in [f"endpoint is {state_words(endpoint)}", *map(_entity_line, entities)]:
        if line not in seen:
            seen.add(line)
            context.log(line, source="endpoint")
    for entity in entities:
        key = f"build log of {entity.name}"
        if entity.deployment == "DEPLOYMENT_FAILED" and key not in seen:
            seen.add(key)
            log_excerpt(context, endpoint.name, entity.name)


def state_words(endpoint: Endpoint) -> str:
    """The endpoint's state in terms of the API, for example "READY, NOT_UPDATING"."""
    return f"{ready_word(endpoint)}, {endpoint.config_update}"


def _entity_line(entity: ServedEntity) -> str:
    message = f": {entity.message}" if entity.message else ""
    return f"{entity.name} (version {entity.entity_version}) is {entity.deployment}{message}"


def log_excerpt(context: Context, endpoint_name: str, entity_name: str) -> None:
    """Log the last lines of a served version's build log as errors of the run."""
    text = context.workspace.build_logs(endpoint_name, entity_name)
    for line in text.splitlines()[-EXCERPT_LINES:]:
        context.log(line, level=Level.ERROR, source="build")


def log_servers(context: Context, entity_names: Iterable[str]) -> None:
    """Store the last lines that each served version printed in the run's log. Never raises."""
    for name in entity_names:
        _keep_tail(context, name, "server", context.workspace.server_logs)


def log_build(context: Context, entity_name: str) -> None:
    """Store the last lines of a successful build in the run's log: the workspace deletes them later."""
    _keep_tail(context, entity_name, "build", context.workspace.build_logs)


def _keep_tail(context: Context, entity_name: str, source: str, read: Callable[[str, str], str]) -> None:
    try:
        lines = read(context.run.deployment.name, entity_name).splitlines()
    except IntegrationError as error:
        context.log(f"{source} log of {entity_name}: {error.message}", level=Level.WARNING)
        return
    for line in lines[-TAIL_LINES:]:
        context.log(f"{entity_name}: {line}", level=Level.DEBUG, source=source)
