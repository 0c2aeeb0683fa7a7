"""Receivers of a team, and the routes that send alerts to them."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from catalog.models import Environment
from monitoring.alerts.models import AlertRoute, Delivery, Receiver
from monitoring.alerts.sending import AddressInvalid, plugin_for
from monitoring.alerts.states import Severity
from monitoring.alerts.tasks import deliver_alert
from web.crypto import encrypt
from web.errors import Invalid

MAX_ADDRESS_CHARS = 2000


def create_receiver(*, team: Team, name: str, kind: str, address: str, actor: User) -> Receiver:
    """Create a receiver with a route for alerts of severity warning and above. ``address`` is never shown again.

    Raises PermissionDenied or Invalid.
    """
    _require(actor, team)
    if not name.strip():
        raise Invalid({"name": ["Enter a name."]})
    try:
        plugin_for(kind, address)
    except AddressInvalid as invalid:
        raise Invalid({"address": [str(invalid)]}) from None
    sealed = encrypt(address.strip().encode())
    try:
        with transaction.atomic():
            receiver = Receiver.objects.create(
                team=team, name=name.strip(), kind=kind, address=sealed, created_by=actor
            )
            AlertRoute.objects.create(team=team, receiver=receiver, min_severity=Severity.WARNING)
    except IntegrityError:
        raise Invalid({"name": [f"{team} already has a receiver with this name."]}) from None
    return receiver


def delete_receiver(*, receiver: Receiver, actor: User) -> None:
    """Delete the receiver with its routes and its delivery history."""
    _require(actor, receiver.team)
    receiver.delete()


def request_receiver_test(*, receiver: Receiver, actor: User) -> Delivery:
    """Send a test message. Its result appears in the returned delivery later."""
    _require(actor, receiver.team)
    delivery = Delivery.objects.create(receiver=receiver, next_at=timezone.now())
    # If the broker is down, the next round of beat sends the test.
    transaction.on_commit(lambda: deliver_alert.delay(delivery.pk), robust=True)
    return delivery


def create_alert_route(
    *, receiver: Receiver, subject: str, environment: Environment | None, min_severity: str, actor: User
) -> AlertRoute:
    """Send more alerts to the receiver: about one subject or all (""), in one environment or all (None)."""
    _require(actor, receiver.team)
    return AlertRoute.objects.create(
        team=receiver.team, receiver=receiver, subject=subject, environment=environment, min_severity=min_severity
    )


def delete_alert_route(*, route: AlertRoute, actor: User) -> None:
    _require(actor, route.team)
    route.delete()


def _require(actor: User, team: Team) -> None:
    if not can(actor, Action.MANAGE, team):
        raise PermissionDenied(f"Only a team admin of {team} can change its receivers.")
