"""Messages to receivers, sent through apprise.

Only the address schemes listed here are accepted: apprise supports a hundred others, some of which write files or
connect to the local machine. Network policy limits where workers may connect to: see docs/runbook.md.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

from monitoring.alerts.models import Receiver, ReceiverKind
from monitoring.alerts.states import Severity
from web.crypto import decrypt

K = ReceiverKind
#: By kind: the URL schemes that people may enter. PLUGINS has the apprise classes that they resolve to.
SCHEMES = {
    K.EMAIL: ("mailto", "mailtos"),
    K.SLACK: ("slack", "https"),
    K.TEAMS: ("msteams", "workflow", "workflows", "https"),
    K.PAGERDUTY: ("pagerduty",),
    K.WEBHOOK: ("json", "jsons", "http", "https"),
}
PLUGINS = {
    K.EMAIL: ("NotifyEmail",),
    K.SLACK: ("NotifySlack",),
    K.TEAMS: ("NotifyMSTeams", "NotifyWorkflows"),
    K.PAGERDUTY: ("NotifyPagerDuty",),
    K.WEBHOOK: ("NotifyJSON",),
}
EXAMPLES = {
    K.EMAIL: "mailtos://user:password@smtp.example.com?to=oncall@example.com",
    K.SLACK: "https://hooks.slack.com/services/T…/B…/…",
    K.TEAMS: "the address of a workflow in Teams",
    K.PAGERDUTY: "pagerduty://integration_key@api_key",
    K.WEBHOOK: "https://hooks.example.com/slipway",
}
# apprise logs addresses that it cannot parse, secrets included. Its log goes to _Complaints only.
APPRISE_LOG = logging.getLogger("apprise")
APPRISE_LOG.propagate = False
APPRISE_LOG.addHandler(logging.NullHandler())
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


class AddressInvalid(ValueError):
    """The text is shown to people. It never contains the address."""


def plugin_for(kind: str, address: str) -> Any:
    """The apprise plugin for the address. Sends nothing. Raises AddressInvalid."""
    # Imported here because apprise loads slowly and only receivers need it.
    from apprise import Apprise

    chosen = ReceiverKind(kind)
    address = address.strip()
    scheme = address.partition("://")[0].lower()
    problem = f"This is not a valid {chosen.label} address. Example: {EXAMPLES[chosen]}"
    if scheme not in SCHEMES[chosen]:
        raise AddressInvalid(problem)
    if chosen == K.WEBHOOK and scheme in ("http", "https"):
        address = f"json{address[4:]}"
    plugin = Apprise.instantiate(address, suppress_exceptions=True)
    if plugin is None or type(plugin).__name__ not in PLUGINS[chosen]:
        raise AddressInvalid(problem)
    plugin.socket_connect_timeout, plugin.socket_read_timeout = CONNECT_TIMEOUT_S, READ_TIMEOUT_S
    return plugin


def send(receiver: Receiver, title: str, body: str, severity: Severity | None) -> str:
    """Make one try. Returns "" if the receiver accepted the message, else the error; never raises for a receiver.

    ``severity`` is None if the alert is resolved.
    """
    address = decrypt(receiver.address).decode()
    try:
        plugin = plugin_for(receiver.kind, address)
    except AddressInvalid as invalid:
        return str(invalid)
    kind = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info", None: "success"}
    with _Complaints() as complaints:
        try:
            taken = plugin.notify(body=body, title=title, notify_type=kind[severity])
        except Exception as error:  # a plugin may raise anything; only this delivery fails
            return _without_secrets(f"{type(error).__name__}: {error}", address)
    return "" if taken else _without_secrets(complaints.text or "The receiver did not accept the message.", address)


def _without_secrets(text: str, address: str) -> str:
    for part in sorted(set(re.findall(r"[^/@:?&=\s]{6,}", address)), key=len, reverse=True):
        text = text.replace(part, "…")
    return text[:500]


class _Complaints(logging.Handler):
    """Collects what apprise logs in this thread: it returns only a boolean, and logs the reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        return " ".join(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    def __enter__(self) -> _Complaints:
        APPRISE_LOG.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        APPRISE_LOG.removeHandler(self)
