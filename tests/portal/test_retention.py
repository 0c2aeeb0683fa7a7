"""Old rows of all apps go with one task, under each of its names."""

from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from portal.retention import TABLE
from portal.tasks import NAMES
from tests.factories import UserFactory
from web.idempotency import IdempotencyKey


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_the_task_has_each_of_its_names(name):
    now = timezone.now()
    for key, age in (("new", timedelta(hours=23)), ("old", timedelta(hours=25))):
        IdempotencyKey.objects.create(user=UserFactory.create(), key=key, fingerprint="", created_at=now - age)
    assert current_app.tasks[name]() == 1
    assert IdempotencyKey.objects.get().key == "new"


def test_beat_sends_the_task_once():
    sent = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    assert [name for name in sent if name in NAMES] == [NAMES[0]]


def test_every_row_of_the_table_names_a_field_with_a_time():
    for row in TABLE:
        assert row.model._meta.get_field(row.since).get_internal_type() == "DateTimeField"
        assert row.age > timedelta(0)
