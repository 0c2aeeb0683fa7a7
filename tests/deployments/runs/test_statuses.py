"""The life of a run as data: complete, and refused or allowed by the database layer as it says."""

from itertools import pairwise

from deployments.models import Event, IllegalTransition, Run, StageRecord
from deployments.runs.statuses import (
    ACTIVE,
    RESUMABLE,
    STAGE_TONES,
    STAGES,
    TERMINAL,
    TONES,
    TRANSITIONS,
    UNFINISHED,
    WORKABLE,
    RunKind,
    RunStatus,
    StageStatus,
    sources_of,
)
from deployments.stages.stage import TABLE
from tests.undoing import undone

SHOWN = {"ok", "busy", "warn", "bad", "idle", "unknown"}


def test_every_state_has_a_label_a_tone_and_a_place():
    assert set(TONES) == set(TRANSITIONS) == set(RunStatus)
    assert set(TONES.values()) <= SHOWN
    assert all(status.label[0].isupper() for status in RunStatus)
    assert set(STAGE_TONES) == set(StageStatus)
    assert set(STAGE_TONES.values()) <= SHOWN
    assert set(UNFINISHED) | set(TERMINAL) == set(RunStatus)
    assert not set(UNFINISHED) & set(TERMINAL)


def test_only_what_went_well_is_green():
    assert {status for status, tone in TONES.items() if tone == "ok"} == {RunStatus.SUCCEEDED, RunStatus.NO_CHANGE}


def test_every_state_can_be_reached_from_the_queue_and_every_run_can_end():
    reached, new = set(), {RunStatus.QUEUED}
    while new:
        reached |= new
        new = {target for status in new for target in TRANSITIONS[status]} - reached
    assert reached == set(RunStatus)
    for status in UNFINISHED:
        assert {RunStatus.FAILED, RunStatus.CANCELLED} <= TRANSITIONS[status]
    for status in TERMINAL:
        assert TRANSITIONS[status] == ({RunStatus.QUEUED} if status in RESUMABLE else set())


def test_sources_are_the_transitions_read_backwards():
    for status in RunStatus:
        before = {source for source in RunStatus if status in TRANSITIONS[source]}
        assert set(sources_of(status)) == before


def test_every_state_that_a_worker_takes_has_a_stage_to_do():
    assert set(WORKABLE) - {RunStatus.QUEUED} == {status for status, stage in TABLE.items() if stage.run}
    assert ACTIVE == tuple(TABLE) == STAGES[RunKind.DEPLOY]
    for kind in RunKind:
        stages = STAGES[kind]
        assert all(later in TRANSITIONS[earlier] for earlier, later in pairwise(stages))


def test_the_database_allows_what_the_table_allows_and_nothing_else(run_in):
    allowed = {}
    for source in RunStatus:
        with undone():
            run = run_in(source)
            allowed[source] = {target for target in RunStatus if is_allowed(run, target)}
    assert allowed == {source: set(TRANSITIONS[source]) for source in RunStatus}


def is_allowed(run, target):
    """Whether the run may go to ``target``; what it leaves behind is checked in both cases."""
    source, fresh = run.status, Run.objects.get(pk=run.pk)
    with undone():
        try:
            fresh.transition(target, "on it goes")
        except IllegalTransition:
            assert Run.objects.get().status == source
            assert not Event.objects.exists()
            assert not StageRecord.objects.exists()
            return False
        assert fresh.status == Run.objects.get().status == target
        assert Event.objects.get(run=fresh).message == "on it goes"
        assert StageRecord.objects.filter(run=fresh, finished_at=None).count() == (target in ACTIVE)
        return True
