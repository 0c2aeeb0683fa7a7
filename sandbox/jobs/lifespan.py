"""The lifespan of jobs: their objects in `app.state`, start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from sandbox.jobs.api import access
from sandbox.jobs.api.views import Views
from sandbox.jobs.execution.attempt import Workshop
from sandbox.jobs.execution.dispatcher import Dispatcher
from sandbox.jobs.execution.sources import Sources
from sandbox.jobs.records import JobRecords, RunRecords
from sandbox.spark.door import SparkDoors


@asynccontextmanager
async def jobs(app: FastAPI) -> AsyncIterator[None]:
    """Needs `sail` and `spark_catalog`. Sets `job_records`, `run_records`, `dispatcher`, `job_views`."""
    state = app.state
    state.job_records = JobRecords(state.store)
    state.run_records = RunRecords(state.store)
    state.job_views = Views(state.settings.url)
    state.dispatcher = Dispatcher(
        Workshop(
            records=state.run_records,
            sources=Sources(state.workspace_files, state.places, state.mlflow.artifacts_dir),
            principal=partial(access.principal, state.store),
            issue_token=partial(access.issue_token, state.store),
            revoke_token=partial(access.revoke, state.store),
            spark=SparkDoors(state.sail, state.spark_catalog),
            url=state.settings.url,
            directory=state.settings.state_dir / "jobs",
        )
    )
    state.dispatcher.start()
    try:
        yield
    finally:
        await state.dispatcher.stop()
