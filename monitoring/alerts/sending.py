"""Messages to receivers through apprise, which knows how each service wants them.

Only the addresses of the kinds listed here are taken: apprise knows a hundred others, some of which write files or
speak to the machine itself. Where workers may connect to is the network's to say: see docs/runbook.md.
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
# By kind: the addresses that people may give, and the classes of apprise that they lead to.
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
# It logs addresses that it cannot read, secrets and all: what it says goes to _Complaints and nowhere else.
APPRISE_LOG = logging.getLogger("apprise")
APPRISE_LOG.propagate = False
APPRISE_LOG.addHandler(logging.NullHandler())
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


class AddressInvalid(ValueError):
    """The text is for people, and never has the address in it."""


def plugin_for(kind: str, address: str) -> Any:
    """The object of apprise that sends there. Nothing is sent. Raises AddressInvalid."""
    # apprise takes a moment to load its hundred services, and only receivers need it.
    from apprise import Apprise

    chosen = ReceiverKind(kind)
    address = address.strip()
    scheme = address.partition("://")[0].lower()
    problem = f"This is no address of the kind {chosen.label}. For example: {EXAMPLES[chosen]}"
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
    """One try; "" if the receiver took it, else why not. ``severity`` None: it is over. Never raises for a receiver."""
    address = decrypt(receiver.address).decode()
    try:
        plugin = plugin_for(receiver.kind, address)
    except AddressInvalid as invalid:
        return str(invalid)
    kind = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info", None: "success"}
    with _Complaints() as complaints:
        try:
            taken = plugin.notify(body=body, title=title, notify_type=kind[severity])
        except Exception as error:  # whatever a service's adapter meets is this delivery's failure alone
            return _without_secrets(f"{type(error).__name__}: {error}", address)
    return "" if taken else _without_secrets(complaints.text or "The receiver did not take it.", address)


def _without_secrets(text: str, address: str) -> str:
    for part in sorted(set(re.findall(r"[^/@:?&=\s]{6,}", address)), key=len, reverse=True):
        text = text.replace(part, "…")
    return text[:500]


class _Complaints(logging.Handler):
    """What apprise logs in this thread: it says why there, and answers only yes or no."""

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
