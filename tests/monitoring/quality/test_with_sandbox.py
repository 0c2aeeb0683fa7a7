"""Quality from end to end: jobs of a real sandbox join real Delta tables, and the portal keeps what comes back."""

from __future__ import annotations

from datetime import date

import pytest
from sklearn.metrics import accuracy_score

from accounts.models import Team, User
from deployments.models import Deployment
from integrations import databricks
from monitoring.models import Alert, AlertEvent, QualityDay, QualityJob, Watch
from monitoring.quality import counting as quality
from monitoring.quality.telling import tell
from sketches.quality_metrics import Confusion
from tests.deployments.conftest import make_deployment
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory, WorkspaceFactory
from tests.monitoring.drift.drifting import give_table
from tests.monitoring.quality.labelling import DAY, NOON, Request, label_table, name_labels, payload_table, requests
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
CATALOG = "quality_tests"
# A name that has to be quoted.
LABELS = f"{CATALOG}.risk-data.chargebacks"


@pytest.fixture
def deployment(sandbox: RunningSandbox, team: Team, deployer: User) -> Deployment:
    workspace = WorkspaceFactory.create(host=sandbox.url)
    EnvironmentFactory.create(workspace=workspace, catalog_name=CATALOG)
    model = RegisteredModelFactory.create(workspace=workspace, team=team, catalog_name=CATALOG, name="card_fraud")
    made = make_deployment(ModelVersionFactory.create(model=model, version=3), deployer, "card-fraud")
    give_table(made)
    return made


@pytest.fixture
def made(sandbox: RunningSandbox, deployment: Deployment) -> list[Request]:
    """200 requests over four days, the first of them delivered twice, and one of long ago."""
    found = requests(200, days=4)
    old = Request("order-old", NOON - 90 * DAY, 1, 1)
    rows = [one.payload() for one in [*found, found[0], old]]
    table = f"{CATALOG}.{deployment.model.schema_name}.card_fraud_payload"
    add_table(sandbox, table, payload_table(rows))
    return found


def count(deployment: Deployment, sandbox: RunningSandbox, hours: int = 0) -> QualityJob:
    """What workers do until a count has ended, that many hours after noon."""
    remote = databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)
    now = NOON + hours * DAY / 24

    def has_ended() -> bool:
        row = Deployment.objects.select_related("workspace", "model").get(pk=deployment.pk)
        job = quality.step(row, connect=lambda _: remote, now=now)
        return job is not None and job.status != QualityJob.Status.RUNNING and job.finished_at == now

    wait_until(has_ended, 180)
    return QualityJob.objects.get()


def days_of(deployment: Deployment) -> dict[date, QualityDay]:
    return {row.date: row for row in QualityDay.objects.filter(deployment=deployment)}


def test_accuracy_is_the_one_computed_here_and_late_labels_change_the_past(
    deployment: Deployment, made: list[Request], sandbox: RunningSandbox, deployer: User
) -> None:
    name_labels(deployment, deployer, table=LABELS)
    known = made[:82]
    add_table(sandbox, LABELS, label_table(one.label(one.at + 2 * DAY) for one in known))
    job = count(deployment, sandbox, hours=1)
    assert (job.status, job.message, job.labels) == ("done", "", 82)
    assert job.newest_label == max(one.at + 2 * DAY for one in known)
    before = days_of(deployment)
    rows = list(before.values())
    assert [sum(row.predictions for row in rows), sum(row.with_id for row in rows)] == [200, 200]
    assert sum(row.labelled for row in rows) / 200 == 0.41
    total = Confusion.of(tuple(pair) for row in rows for pair in row.pairs)
    expected = accuracy_score([one.actual for one in known], [one.predicted for one in known])
    assert total.accuracy == pytest.approx(expected, abs=1e-9)
    assert sum(row.delay_s for row in rows) == 82 * 2 * 86400

    # The labels of one day come in, and no others.
    oldest = (NOON - 3 * DAY).date()
    late = [one for one in made[82:] if one.at.date() == oldest]
    labels = [one.label(one.at + 2 * DAY) for one in [*known, *late]]
    add_table(sandbox, LABELS, label_table(labels))
    count(deployment, sandbox, hours=7)
    after = days_of(deployment)
    changed = {day for day in after if after[day].labelled != before[day].labelled}
    assert changed == {oldest}
    assert after[oldest].labelled == after[oldest].predictions == 50
    assert {day: row.predictions for day, row in after.items()} == {day: row.predictions for day, row in before.items()}
    assert all(after[day].pairs == before[day].pairs for day in after if day != oldest)


def test_a_later_label_of_an_id_counts_and_two_at_once_do_not(
    deployment: Deployment, made: list[Request], sandbox: RunningSandbox, deployer: User
) -> None:
    name_labels(deployment, deployer, table=LABELS)
    first, second, third = made[:3]
    wrong = {"order_id": first.id, "fraud": 1 - first.actual, "known_at": NOON - DAY}
    twice = [{**second.label(NOON), "fraud": value} for value in (0, 1)]
    nothing = {"order_id": third.id, "fraud": None, "known_at": NOON}
    add_table(sandbox, LABELS, label_table([wrong, first.label(NOON), *twice, nothing]))
    job = count(deployment, sandbox, hours=1)
    pairs = [tuple(pair) for row in QualityDay.objects.all() for pair in row.pairs]
    assert pairs == [(str(first.predicted), str(first.actual), 1)]
    assert job.skipped == {"the label table has different labels for the same id": 1}


def test_a_table_that_cannot_be_read_and_a_column_that_is_not_there_are_said_in_words(
    deployment: Deployment, made: list[Request], sandbox: RunningSandbox, deployer: User
) -> None:
    source = name_labels(deployment, deployer, table=f"{CATALOG}.risk.nowhere")
    job = count(deployment, sandbox, hours=1)
    assert job.status == "failed"
    assert f"GRANT SELECT ON TABLE `{CATALOG}`.`risk`.`nowhere` TO `admin@example.com`;" in job.message
    add_table(sandbox, LABELS, label_table([made[0].label(NOON)]))
    source.table, source.label_column = LABELS, "is_fraud"
    source.save()
    job = count(deployment, sandbox, hours=7)
    assert job.message == f"{LABELS} has no column is_fraud. Its columns: fraud, known_at, order_id"
    assert not QualityDay.objects.exists()


def test_quality_that_falls_alerts_once_and_the_alert_ends_when_it_recovers(
    deployment: Deployment, made: list[Request], sandbox: RunningSandbox, deployer: User
) -> None:
    name_labels(deployment, deployer, table=LABELS, metric="accuracy", limit=0.9)
    known = []
    for hours, wrong, standing, alerts in ((1, 0, "passing", []), (7, 60, "failing", ["firing"])):
        given = NOON + hours * DAY / 24
        known += [
            {"order_id": one.id, "fraud": 1 - one.predicted if index < wrong else one.predicted, "known_at": given}
            for index, one in enumerate(made)
        ]
        add_table(sandbox, LABELS, label_table(known))
        count(deployment, sandbox, hours=hours)
        for _ in range(2):
            tell(deployment, given)
        assert Watch.objects.get().quality == standing
        assert list(Alert.objects.values_list("state", flat=True)) == alerts
    alert = Alert.objects.get()
    assert (alert.evidence["value"], alert.evidence["labelled"], alert.evidence["coverage"]) == (0.7, 200, 1.0)
    assert AlertEvent.objects.filter(state="firing").count() == 1

    # Labels that were wrong are put right.
    late = NOON + 13 * DAY / 24
    known += [{"order_id": one.id, "fraud": one.predicted, "known_at": late} for one in made]
    add_table(sandbox, LABELS, label_table(known))
    count(deployment, sandbox, hours=13)
    tell(deployment, late)
    assert Watch.objects.get().quality == "passing"
    assert Alert.objects.get().state == "resolved"
