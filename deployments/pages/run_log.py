"""The log of a run: the newest, following and earlier lines, and the whole log as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from accounts.people.permissions import signed_in
from deployments.pages.run_presenters import Gap, LogLine, log_lines
from deployments.runs.events import Event
from deployments.runs.models import Run
from deployments.runs.statuses import Level, RunStatus
from deployments.stages.stage import TABLE
from web.htmx import HtmxRequest

# Lines of a page of the log. Rendering 100,000 lines at once would take minutes.
PAGE_LINES = 400
# Longer numbers may exceed the database's integers.
MAX_DIGITS = 9
LEVELS = [Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR]
STAGE_CHOICES = [(RunStatus.QUEUED.value, "Queued"), *[(key.value, stage.label) for key, stage in TABLE.items()]]


@dataclass(frozen=True)
class LogFilter:
    """The filter of a log; "" matches everything."""

    level: str = ""
    stage: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> LogFilter:
        """The filter of the query. Raises Http404 if the level or stage does not exist."""
        level, stage = request.GET.get("level", ""), request.GET.get("stage", "")
        if (level and level not in Level.values) or (stage and stage not in dict(STAGE_CHOICES)):
            raise Http404
        return cls(level, stage)

    def apply(self, events: QuerySet[Event]) -> QuerySet[Event]:
        if self.level:
            shown = LEVELS[LEVELS.index(Level(self.level)) :]
            events = events.filter(level__in=[str(level) for level in shown])
        return events.filter(stage=self.stage) if self.stage else events

    def url(self, name: str, run: Run, **query: int) -> str:
        chosen = {"level": self.level, "stage": self.stage}
        words = query | {key: value for key, value in chosen.items() if value}
        return f"{reverse(f'deployments:{name}', args=[run.pk])}?{urlencode(words)}".rstrip("?")


def _number(request: HttpRequest, name: str) -> int | None:
    """A line number of the query, or None. Raises Http404 if it is not a number."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise Http404
    return int(text)


def _earlier(run: Run, before: int, wanted: LogFilter) -> list[LogLine | Gap]:
    """The page of lines that ends before line ``before``. Starts with a gap if there are earlier lines."""
    rows = wanted.apply(run.events.filter(number__lt=before)).order_by("-number")[: PAGE_LINES + 1]
    lines = log_lines(reversed(rows))
    if len(lines) <= PAGE_LINES:
        return list(lines)
    first = lines[1].number
    return [Gap(wanted.url("run_events", run, before=first), 1, first - 1), *lines[1:]]


def _rest(run: Run, after: int, wanted: LogFilter) -> list[Gap]:
    """A gap for the lines after ``after``, fetched when a reader reaches it: there may be 100,000 lines."""
    if after >= run.event_count:
        return []
    return [Gap(wanted.url("run_events", run, after=after), after + 1, run.event_count)]


def log_context(request: HttpRequest, run: Run, wanted: LogFilter) -> dict[str, Any]:
    """The newest lines. With ``line`` or ``before`` in the query, the lines around or before a line."""
    end, before, line = run.event_count + 1, _number(request, "before"), _number(request, "line")
    if before or line:
        end = min(end, before or (line or 0) + PAGE_LINES // 2)
    rest = _rest(run, end - 1, wanted)
    return {
        "log_lines": [*_earlier(run, end, wanted), *rest],
        "log_more_url": "" if rest or run.is_finished else wanted.url("run_events", run, after=end - 1),
        "log_level": wanted.level,
        "log_stage": wanted.stage,
        "log_stages": STAGE_CHOICES,
        "log_follow": not run.is_finished and not before and not line,
        "log_download": wanted.url("run_log", run),
    }


@login_required
@require_safe
def run_events(request: HtmxRequest, run_id: int) -> HttpResponse:
    """Lines after ``after`` with the trigger for the next ones, or lines before ``before``."""
    # Read the run before its lines: all counted lines exist, and a finished run writes no more.
    run = get_object_or_404(Run.objects.visible_to(signed_in(request)), pk=run_id)
    wanted, before, after = LogFilter.of(request), _number(request, "before"), _number(request, "after") or 0
    if not request.htmx:
        end = after + PAGE_LINES + 1 if before is None else before
        return redirect(f"{wanted.url('run', run, before=end)}#log")
    if before is not None:
        return render(request, "ui/_log_lines.html", {"lines": _earlier(run, before, wanted)})
    return _later(request, run, after, wanted)


def _later(request: HttpRequest, run: Run, after: int, wanted: LogFilter) -> HttpResponse:
    rows = wanted.apply(run.events.filter(number__gt=after, number__lte=run.event_count))
    lines = log_lines(rows.order_by("number")[:PAGE_LINES])
    if after >= run.event_count and not run.is_finished:
        # Nothing new: 204 keeps the page's trigger. When the run has ended, an empty response removes it.
        return HttpResponse(status=204)
    cursor = lines[-1].number if len(lines) == PAGE_LINES else run.event_count
    rest = _rest(run, cursor, wanted)
    more = "" if rest or run.is_finished else wanted.url("run_events", run, after=cursor)
    if not lines and not more:
        return HttpResponse()
    return render(request, "ui/_log_lines.html", {"lines": [*lines, *rest], "more_url": more})


@login_required
@require_safe
def run_log(request: HttpRequest, run_id: int) -> StreamingHttpResponse:
    """The log as plain text with times in UTC. Streamed, because it may be long."""
    run = get_object_or_404(Run.objects.visible_to(signed_in(request)), pk=run_id)
    events = LogFilter.of(request).apply(run.events.order_by("number"))
    response = StreamingHttpResponse(_text_lines(events), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="run-{run.pk}.log"'
    return response


def _text_lines(events: QuerySet[Event]) -> Iterator[str]:
    for event in events.iterator(chunk_size=2000):
        at = event.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield f"{event.number:>6} {at} {event.stage:<10} {event.level.upper():<7} {event.message}\n"
