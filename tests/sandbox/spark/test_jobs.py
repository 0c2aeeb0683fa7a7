"""Jobs with a Spark session: the workspace's tables by their names, functions over Arrow batches."""

from __future__ import annotations

import json
import os
import signal
import textwrap
import uuid

import pyarrow as pa
import pytest

from tests.sandbox.billing_tables import add_billing
from tests.sandbox.delta_tables import add_table
from tests.sandbox.jobs.job_scripts import Jobs
from tests.sandbox.spark.sail_processes import sail_of
from tests.waiting import wait_until

SPARK = "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
COUNT = """
import json, sys
import pyarrow as pa

def counted(batches):
    rows = total = 0
    for batch in batches:
        rows += batch.num_rows
        total += sum(batch.column("amount").to_pylist())
    yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64()), "total": pa.array([total], pa.float64())})

counts = spark.table(sys.argv[1]).mapInArrow(counted, "rows bigint, total double").toArrow().to_pylist()
print(json.dumps([sum(part["rows"] for part in counts), sum(part["total"] for part in counts)]))
"""


@pytest.fixture(scope="module")
def sandbox(tables_sandbox):
    return tables_sandbox


@pytest.fixture
def jobs(sandbox):
    return Jobs(sandbox)


def amounts(sandbox, reader=""):
    """The full name of a new table with 1000 amounts, 0 to 999."""
    name = f"main.shop_{uuid.uuid4().hex[:8]}.orders"
    add_table(sandbox, name, pa.table({"amount": [float(number) for number in range(1000)]}), reader)
    return name


def test_a_job_counts_the_rows_of_a_table_with_a_function_over_arrow_batches(jobs, sandbox):
    run_id = jobs.submit(jobs.task("only", SPARK + COUNT, [amounts(sandbox)]))
    assert jobs.result(run_id) == "SUCCESS", jobs.api.get_run_output(run_id).logs
    assert json.loads(jobs.api.get_run_output(run_id).logs) == [1000, 499500.0]


def test_system_tables_and_names_in_any_case_are_found_by_name_and_in_sql(jobs, sandbox):
    add_billing(sandbox)
    script = """
        from pyspark.sql import functions as f
        usage = spark.table("System.Billing.usage").alias("u")
        print(usage.join(spark.table("system.billing.list_prices"), "sku_name").count())
        print(usage.where(f.col("u.usage_metadata.endpoint_name") == "risk").collect()[0].usage_quantity)
        sql = "SELECT usage_metadata.endpoint_name, sum(usage_quantity) FROM system.billing.usage "
        sql += "GROUP BY ALL ORDER BY 2"
        print([row[0] for row in spark.sql(sql).collect()])
        print(usage.schema["custom_tags"].dataType.simpleString())
    """
    run_id = jobs.submit(jobs.task("only", SPARK + textwrap.dedent(script)))
    assert jobs.result(run_id) == "SUCCESS", jobs.api.get_run_output(run_id).logs
    assert jobs.api.get_run_output(run_id).logs.splitlines() == [
        "8",
        "4.000000000000000000",
        "['fraud', 'risk']",
        "map<string,string>",
    ]


def test_an_error_of_spark_comes_to_the_job_as_what_it_is(jobs):
    script = """
        from pyspark.errors import AnalysisException
        for wrong in ("SELECT * FROM main.nowhere.nothing", "SELECT nothing"):
            try:
                spark.sql(wrong).collect()
            except AnalysisException as error:
                print(type(error).__name__)
    """
    run_id = jobs.submit(jobs.task("only", SPARK + textwrap.dedent(script)))
    assert jobs.result(run_id) == "SUCCESS", jobs.api.get_run_output(run_id).logs
    assert jobs.api.get_run_output(run_id).logs.splitlines() == ["AnalysisException", "AnalysisException"]


def test_a_server_that_died_is_started_again_for_the_next_job(jobs, sandbox):
    table = amounts(sandbox)
    script = SPARK + f"print(spark.table({table!r}).count())"
    assert jobs.result(jobs.submit(jobs.task("only", script))) == "SUCCESS"
    (pid,) = sail_of(sandbox)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not sail_of(sandbox), 10)
    run_id = jobs.submit(jobs.task("only", script))
    assert jobs.result(run_id) == "SUCCESS"
    assert jobs.api.get_run_output(run_id).logs == "1000\n"
    assert sail_of(sandbox) not in ([], [pid])


def test_a_job_sees_the_tables_that_its_principal_may_read_and_no_others(sandbox):
    user = f"{uuid.uuid4().hex}@example.com"
    sandbox.new_user(user)
    jobs = Jobs(sandbox)
    mine, secret = amounts(sandbox, reader=user), amounts(sandbox)
    script = """
        import sys
        from pyspark.errors import AnalysisException
        for name in sys.argv[1:]:
            try:
                print(spark.table(name).count())
            except AnalysisException:
                print("none")
    """
    task = jobs.task("only", SPARK + textwrap.dedent(script), [mine, secret])
    body = jobs.settings(task, run_as={"user_name": user})
    run_id = int(jobs.post("runs/submit", body)["run_id"])
    assert jobs.result(run_id) == "SUCCESS", jobs.api.get_run_output(run_id).logs
    assert jobs.api.get_run_output(run_id).logs == "1000\nnone\n"
