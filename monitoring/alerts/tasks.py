"""Celery tasks of alerts: ended runs, snoozes and configurations, and one task for each message to a receiver."""

from __future__ import annotations

from celery import shared_task

from monitoring.alerts import configurations, delivering, reporting, runs

SEND_EVERY_S = 5


@shared_task(name="monitoring.tasks.alerts.watch_alerts", expires=30)
def watch_alerts() -> None:
    runs.report_ended_runs()
    reporting.look_again()
    configurations.tell_configurations()


@shared_task(name="monitoring.tasks.alerts.send_alerts", expires=SEND_EVERY_S)
def send_alerts() -> None:
    """Fan out, so that a receiver that does not answer does not delay the others."""
    for delivery_id in delivering.due_deliveries():
        deliver_alert.apply_async((delivery_id,), expires=delivering.LEASE_S)


@shared_task(name="monitoring.tasks.alerts.deliver_alert")
def deliver_alert(delivery_id: int) -> None:
    delivering.deliver(delivery_id)
