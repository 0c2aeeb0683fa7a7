"""Receivers and reports for tests of alerts."""

from __future__ import annotations

from monitoring.alerts import reporting
from monitoring.models import AlertRoute, Receiver
from web.crypto import encrypt


def report(*args, **more):
    return reporting.report(*args, **more)


def make_receiver(deployment, name="on call", **route):
    receiver = Receiver.objects.create(
        team=deployment.team, name=name, kind="webhook", address=encrypt(b"json://h"), created_by=deployment.created_by
    )
    AlertRoute.objects.create(team=deployment.team, receiver=receiver, **{"min_severity": "warning", **route})
    return receiver
