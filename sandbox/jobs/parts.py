"""What the routes of jobs and those of runs both take from the application."""

from __future__ import annotations

from fastapi import Request

from sandbox.jobs.dispatcher import Dispatcher
from sandbox.jobs.views import Views


def views_of(request: Request) -> Views:
    views: Views = request.app.state.job_views
    return views


def dispatcher_of(request: Request) -> Dispatcher:
    dispatcher: Dispatcher = request.app.state.dispatcher
    return dispatcher
