"""The drift job in the workspace: uploaded and run as the portal does it, over tables that have names there."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from integrations.databricks.credentials import Credentials
from integrations.databricks.workspace import WorkspaceClient
from sketches import bundle
from sketches.baseline import make_baseline
from tests.sandbox.delta_tables import add_table
from tests.sandbox.endpoint_models import LINEAR, register
from tests.sandbox.running import CLIENT_ID, CLIENT_SECRET
from tests.sketches.recorded_payloads import SCHEMA, payload
from tests.waiting import wait_until

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox(tables_sandbox):
    return tables_sandbox


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
    found = run(sandbox, asked, Credentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET))
    assert [(window.version, window.start, window.rows) for window in found.windows] == [("3", NINE, 50)]
    assert sum(found.windows[0].sketch["amount"]["counts"]) == 50


@pytest.mark.long
def test_a_job_loads_the_version_and_says_what_matters_to_it_and_what_it_answered(sandbox):
    client = sandbox.client()
    client.catalogs.create(name="risk")
    client.schemas.create(name="fraud", catalog_name="risk")
    register(sandbox, "risk.fraud.linear", program=LINEAR)
    rows = pa.table({"much": [float(n) for n in range(40)], "none": [float(-n) for n in range(40)]})
    add_table(sandbox, "risk.fraud.trained_on", rows)
    asked = {
        "kind": "importance",
        "source": "table",
        "table": "risk.fraud.trained_on",
        "endpoint": "linear",
        "start": NINE.isoformat(),
        "end": NINE.isoformat(),
        "columns": {"much": "double", "none": "double"},
        "entities": {},
        "version": "1",
        "uri": "models:/risk.fraud.linear/1",
        "max_rows": 200,
    }
    admin = Credentials(token=sandbox.admin_token)
    found = run(sandbox, asked, admin)
    assert (found.importance, found.note) == ({"much": 1.0, "none": 0.0}, "")
    lost = run(sandbox, asked | {"uri": "models:/risk.fraud.linear/9"}, admin)
    assert lost.importance is None
    assert lost.note.startswith("the version could not predict: ")
    # The baseline of the same table as it was when the version was trained; later it became another.
    add_table(sandbox, "risk.fraud.trained_on", pa.table({"much": [900.0] * 9, "none": [0.0] * 9}))
    made = run(sandbox, asked | {"kind": "baseline", "table_version": 0}, admin).baseline
    assert made is not None
    assert (made["rows"], made["sketch"]["much"]["max"]) == (40, 39.0)
    assert (made["sketch"]["_prediction"]["rows"], made["sketch"]["_prediction"]["max"]) == (40, pytest.approx(39))
    forgotten = run(sandbox, asked | {"kind": "baseline", "table_version": 7}, admin).baseline
    assert forgotten is not None
    assert (forgotten["rows"], forgotten["sketch"]["much"]["max"]) == (9, 900.0)


def run(sandbox, asked, credentials):
    workspace = WorkspaceClient(sandbox.url, credentials)
    path = f"/Shared/{uuid.uuid4().hex}/drift.py"
    workspace.upload_file(path, bundle.script(asked))
    run_id = workspace.submit_job("drift", path, [], idempotency_token=uuid.uuid4().hex, timeout_s=120)
    wait_until(lambda: workspace.job_run(run_id).is_finished, 150)
    output = workspace.job_output(run_id)
    found = bundle.read(output)
    assert found is not None, output
    return found
