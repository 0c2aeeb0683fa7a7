"""The drift job in the workspace: uploaded and run as the portal does it, over tables that have names there."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from integrations.databricks import Credentials, Workspace
from integrations.drift import bundle
from integrations.drift.baseline import make_baseline
from tests.integrations.drift_payloads import SCHEMA, payload
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import CLIENT_ID, CLIENT_SECRET, RunningSandbox
from tests.waiting import wait_until

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    running = RunningSandbox(tmp_path_factory.mktemp("drift"))
    yield running
    running.stop()


def test_the_drift_job_counts_an_inference_table_with_the_versions_that_the_system_table_tells(sandbox):
    rows = [{"amount": float(number)} for number in range(50)]
    made = [
        payload(f"r{n}", NINE + timedelta(minutes=n), "entity-7", [row], [row["amount"]], "dataframe_records")
        for n, row in enumerate(rows)
    ]
    add_table(sandbox, "staging.fraud.card_fraud_payload", pa.Table.from_pylist(made, schema=SCHEMA))
    served = {"endpoint_name": ["card-fraud"], "served_entity_id": ["entity-7"], "entity_version": ["3"]}
    add_table(sandbox, "system.serving.served_entities", pa.table(served))
    baseline = make_baseline(pa.Table.from_pylist(rows))
    asked = {
        "kind": "windows",
        "table": "staging.fraud.card_fraud_payload",
        "endpoint": "card-fraud",
        "start": NINE.isoformat(),
        "end": (NINE + timedelta(hours=1)).isoformat(),
        "width_s": 3600,
        "columns": {"amount": "double"},
        "entities": {},
        "baselines": {"3": {"features": baseline["features"]}},
    }
    workspace = Workspace(sandbox.url, Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET))
    path = f"/Shared/{uuid.uuid4().hex}/drift.py"
    workspace.upload_file(path, bundle.script(asked))
    run_id = workspace.submit_job("drift", path, [], idempotency_token=uuid.uuid4().hex, timeout_s=120)
    wait_until(lambda: workspace.job_run(run_id).is_finished, 150)
    output = workspace.job_output(run_id)
    found = bundle.read(output)
    assert found is not None, output
    assert [(window.version, window.start, window.rows) for window in found.windows] == [("3", NINE, 50)]
    assert sum(found.windows[0].sketch["amount"]["counts"]) == 50
