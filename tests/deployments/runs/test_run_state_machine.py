"""Everything that people, workers and time may do to runs of one deployment, in any order.

Stages are faked: one says at random how it ended. Whatever happens, a run moves only along TRANSITIONS, a deployment
has one active run, nothing is applied without the approval that its plan needs, under a freeze, or twice, and the
log of a run has no gap.
"""

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from unittest import mock

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.models import Team
from accounts.teams.roles import Role
from catalog.models import Environment
from deployments.deployment.specs import parse_spec
from deployments.models import Approval, Freeze, Policy, PolicyResult, Run, RunPlan, StageRecord
from deployments.policies import approvals, break_glass, freezes, overrides
from deployments.policies import services as policies_services
from deployments.runs import services as runs_services
from deployments.runs.statuses import ACTIVE, TRANSITIONS, RunKind, RunStatus
from deployments.stages import policy, runner, stopping, tasks
from deployments.stages.apply import stage as apply
from deployments.stages.context import mark_destroyed
from deployments.stages.outcomes import End, GoOn, Wait
from deployments.stages.stage import TABLE
from deployments.tfstate import store as statestore
from tests.deployments.conftest import give_plan, make_deployment
from tests.deployments.policies.holding import clear, freeze, hold
from tests.deployments.stages.applying import Applied
from tests.factories import ModelVersionFactory, RegisteredModelFactory, UserFactory, WorkspaceFactory, member_of
from web.errors import Invalid, Refused

S = RunStatus
MOST_RUNS = 8
# What the examples came across in all.
REACHED: set[str] = set()
REASON = "customers cannot pay"
OPEN_ENDED = st.data()
# Deployer, approver, team admin, platform admin.
DECISIONS = {"approve": approvals.approve, "reject": approvals.reject, "break_glass": break_glass.break_glass}
PEOPLE, ADMIN = st.integers(0, 3), 3
LEVELS = ["off", "advisory", "overridable", "overridable", "mandatory"]


class WorkerDied(BaseException):
    """As far as the code can tell, the process ended here: nothing is written down, nothing is let go."""


@contextmanager
def _no_heartbeat(context):
    """A stage here takes no time, and a thread of its own would not see the rows of this transaction."""
    yield


def happens(**strategies):
    """A rule of the machine: first something happens, then workers go on with the run that is under way."""

    def decorate(act):
        @rule(**strategies)
        def then_work(self, **values):
            act(self, **values)
            self.go_on()

        then_work.__name__ = act.__name__
        return then_work

    return decorate


class Runs(RuleBasedStateMachine):
    """One team, one deployment, its runs. Each rule is what one person, one worker or the clock does."""

    def __init__(self):
        super().__init__()
        self.world = ExitStack()
        self.entered: dict[int, RunStatus] = {}
        self.applied: list[Applied] = []
        self.attempts = 0
        self.next_outcome = None
        self.dies = False

    # -- the world ----------------------------------------------------------------------------------
    @initialize(needs_approval=st.booleans(), level=st.sampled_from(LEVELS), seed=st.integers(0, 2**64 - 1))
    def begin(self, needs_approval, level, seed):
        self.random = Random(seed)
        self.world = ExitStack()
        self.world.enter_context(transaction.atomic())
        self.world.callback(transaction.set_rollback, rollback=True)
        directory = self.world.enter_context(tempfile.TemporaryDirectory())
        self.world.enter_context(override_settings(RUN_DIR=directory))
        self.world.enter_context(mock.patch.dict(TABLE, self._stages()))
        self.world.enter_context(mock.patch.object(Run, "transition", self._followed(Run.transition)))
        self.world.enter_context(mock.patch.object(runner, "heartbeat", _no_heartbeat))
        self.world.enter_context(mock.patch.object(statestore, "current_serial", self._current_serial))
        self.serial = 0
        clear()
        self._people_and_deployment(needs_approval)
        hold("second_person", "mandatory", risk="high")
        hold("inference_table", level)
        self._ask(0)

    def teardown(self):
        self.world.close()

    def _current_serial(self, deployment_id):
        return self.serial

    def _followed(self, transition):
        """Run.transition, looking at what the database said before and keeping where the run is now."""

        def follow(run, to, message, **values):
            before = RunStatus(Run.objects.values_list("status", flat=True).get(pk=run.pk))
            transition(run, to, message, **values)
            assert to in TRANSITIONS[before], (before, to)
            self.entered[run.pk] = to
            REACHED.add(to)

        return follow

    def _people_and_deployment(self, needs_approval):
        team = Team.objects.create(slug="machine", name="Machine")
        environment = Environment.objects.create(
            slug="machine",
            name="Machine",
            workspace=WorkspaceFactory.create(),
            catalog_name="machine",
            needs_approval=needs_approval,
        )
        model = RegisteredModelFactory.create(team=team, workspace=environment.workspace, catalog_name="machine")
        self.people = [
            member_of(team, Role.DEPLOYER, "m-deployer"),
            member_of(team, Role.APPROVER, "m-approver"),
            member_of(team, Role.TEAM_ADMIN, "m-owner"),
            UserFactory.create(username="m-admin", is_superuser=True),
        ]
        self.model = model
        version = ModelVersionFactory.create(model=model, version=3)
        self.deployment = make_deployment(version, self.people[0], "machine", environment=environment)

    def _stages(self):
        """Stages that end as the drawn outcome says; policy and the checks of apply are the real ones."""
        faked = {
            S.PREFLIGHT: self._ending(S.PLAN),
            S.PLAN: self._plan,
            S.COST: self._ending(S.POLICY),
            S.POLICY: self._dying(policy.run_stage),
            S.APPLY: self._dying(self._apply),
            S.ENDPOINT: self._ending(S.SMOKE),
            S.SMOKE: self._ending(S.ROLLOUT),
            S.ROLLOUT: self._ending(None),
        }
        return {status: replace(TABLE[status], run=work) for status, work in faked.items()}

    def _dying(self, work):
        def stage(context):
            outcome = work(context)
            if self.dies:
                raise WorkerDied
            return outcome

        return stage

    def _ending(self, to):
        def work(context):
            if self.next_outcome == "fail":
                return End(S.FAILED, "the fake failed")
            if self.next_outcome == "wait":
                return Wait(5, "the fake waits")
            return GoOn(to, "on") if to and to in TRANSITIONS[context.run.status] else End(S.SUCCEEDED, "live")

        return self._dying(work)

    def _plan(self, context):
        Run.objects.filter(pk=context.run.pk).update(apply_started_at=None)
        self.attempts += 1
        RunPlan.objects.filter(run=context.run).delete()
        give_plan(context.run, sha256=f"{self.attempts:064x}", state_serial=self.serial)
        return self._ending(S.COST)(context)

    def _apply(self, context):
        """As apply.run_stage does it, with a line in ``applied`` where Terraform would start."""
        run = context.run
        if run.apply_started_at:
            return End(S.INTERRUPTED, "Terraform was lost")
        if obstacle := apply._check_plan(context) or apply._check_freeze(context):
            return obstacle
        apply._mark_started(context)
        self.applied.append(Applied.of(run))
        REACHED.add("applied")
        self.serial += 1
        if run.kind == RunKind.DESTROY:
            mark_destroyed(context)
            return End(S.SUCCEEDED, "gone")
        return GoOn(S.ENDPOINT, "applied")

    # -- what happens -------------------------------------------------------------------------------
    def go_on(self, last="on"):
        """Workers do some stages, the last of which ends as ``last`` says; where somebody has to decide, somebody may.

        Driven by a seed that was drawn once: a path to an apply is long, and drawing each of its steps finds few.
        """
        runs = Run.objects.select_related("deployment__team", "deployment__environment").order_by("pk")
        run = runs.filter(status__in=ACTIVE).first() or runs.filter(status=S.QUEUED).first()
        if run is None:
            return self._ask(self.random.randrange(4))
        for step in range(self.random.randrange(10), 0, -1):
            self.next_outcome = last if step == 1 else "on"
            Run.objects.filter(pk=run.pk, lease_token=None).update(wake_at=None)
            tasks.advance_run(run.pk)
            self._somebody_decides(run)
        return None

    def _somebody_decides(self, run):
        run.refresh_from_db()
        actor = self.people[self.random.randrange(4)]
        if run.status == S.APPROVAL:
            self._try(approvals.approve, run=run, actor=actor)
        for result in PolicyResult.objects.blocking().filter(run=run).select_related("run__deployment__team"):
            self._try(overrides.override_policy, run=run, result=result, actor=actor, reason="agreed")

    def _ask(self, person):
        self.deployment.refresh_from_db()
        if Run.objects.count() < MOST_RUNS:
            spec = parse_spec(self.deployment.spec)
            self._try(runs_services.request_update, deployment=self.deployment, spec=spec, actor=self.people[person])

    def _run(self, data):
        """Most often the run that is under way; sometimes any."""
        runs = Run.objects.select_related("deployment__team", "deployment__environment").order_by("pk")
        active = list(runs.filter(status__in=ACTIVE))
        return data.draw(st.sampled_from(active or list(runs))) if data.draw(st.integers(0, 9)) else runs.last()

    def _try(self, act, **values):
        """An action of a person; refusals are answers like any other."""
        try:
            act(**values)
        except (Refused, PermissionDenied, Invalid):
            return

    @happens(person=PEOPLE, destroys=st.sampled_from([False] * 7 + [True]))
    def request(self, person, destroys):
        if not destroys:
            return self._ask(person)
        self.deployment.refresh_from_db()
        return self._try(runs_services.request_destroy, deployment=self.deployment, actor=self.people[person])

    @rule(last=st.sampled_from(["wait", "fail"]))
    def stumble(self, last):
        """A stage meets a fault, or has to wait."""
        self.go_on(last)

    @rule()
    def work(self):
        self.go_on()

    @happens(data=OPEN_ENDED)
    def deliver_twice(self, data):
        """Another worker gets the message while the first is at work."""
        run = self._run(data)
        lease = Run.claim_lease(run.pk, "the other worker")
        before = list(Run.objects.values())
        assert runner.advance(run.pk) == []
        assert list(Run.objects.values()) == before
        if lease:
            Run.release_lease(lease)

    @happens(data=OPEN_ENDED)
    def die(self, data):
        """A worker is killed in the middle of a stage; its lease stays."""
        self.next_outcome, self.dies = "on", True
        try:
            runner.advance(self._run(data).pk)
        except WorkerDied:
            REACHED.add("died")
        finally:
            self.dies = False

    @happens()
    def leases_run_out(self):
        Run.objects.exclude(lease_token=None).update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    @happens()
    def a_day_passes(self):
        late = timezone.now() - timedelta(hours=25)
        Run.objects.filter(status__in=(S.APPROVAL, S.POLICY)).update(stage_started_at=late)
        tasks.expire_approvals()

    @happens(data=OPEN_ENDED, person=PEOPLE, verb=st.sampled_from(["approve", "approve", "reject", "break_glass"]))
    def decide(self, data, person, verb):
        more = {} if verb == "approve" else {"reason": REASON}
        self._try(DECISIONS[verb], run=self._run(data), actor=self.people[person], **more)

    @happens(person=PEOPLE)
    def override(self, person):
        for result in PolicyResult.objects.blocking().select_related("run__deployment__team"):
            actor = self.people[person]
            self._try(overrides.override_policy, run=result.run, result=result, actor=actor, reason="agreed")

    @happens(data=OPEN_ENDED, person=PEOPLE, verb=st.sampled_from(["cancel", "resume", "resume"]))
    def stop_or_resume(self, data, person, verb):
        self._try(getattr(stopping, verb), run=self._run(data), actor=self.people[person])

    @happens()
    def freeze_or_lift(self):
        if active := Freeze.objects.active().first():
            freezes.lift_freeze(freeze=active, actor=self.people[ADMIN])
        else:
            freeze(self.people[ADMIN])

    @happens(
        risk=st.sampled_from(["medium", "high"]),
        needs_approval=st.booleans(),
        level=st.sampled_from(LEVELS),
        serial=st.integers(0, 1),
    )
    def the_world_changes(self, risk, needs_approval, level, serial):
        """The model's risk, the rule of the environment, a policy, and the state behind everybody's back."""
        self.serial += serial
        self.model.risk = risk
        self.model.save()
        Environment.objects.filter(slug="machine").update(needs_approval=needs_approval)
        row = Policy.objects.get(rule="inference_table")
        actor = self.people[ADMIN]
        policies_services.edit_policy(
            policy=row, version=row.version, level=level, parameters={}, reason="", actor=actor
        )

    # -- what always holds --------------------------------------------------------------------------
    @invariant()
    def runs_are_where_their_last_legal_transition_led(self):
        for run in Run.objects.all():
            assert run.status == self.entered.get(run.pk, S.QUEUED)

    @invariant()
    def a_deployment_has_at_most_one_active_run(self):
        assert Run.objects.filter(status__in=ACTIVE).count() <= 1

    @invariant()
    def nothing_is_applied_that_must_not_be(self):
        for applied in self.applied:
            assert not applied.lacks_approval, applied
            assert not applied.was_frozen, applied
            assert not applied.was_blocked, applied

    @invariant()
    def no_plan_is_applied_twice(self):
        plans = [applied.plan_sha256 for applied in self.applied]
        assert len(plans) == len(set(plans))

    @invariant()
    def the_log_of_a_run_has_no_gap(self):
        for run in Run.objects.all():
            numbers = list(run.events.values_list("number", flat=True))
            assert numbers == list(range(1, run.event_count + 1))

    @invariant()
    def whoever_asked_decides_nothing_but_by_breaking_the_glass(self):
        own = Approval.objects.filter(decided_by=F("run__requested_by")).exclude(decision="break_glass")
        assert not own.exists()
        assert not PolicyResult.objects.filter(overridden_by=F("run__requested_by")).exists()

    @invariant()
    def a_finished_run_is_held_by_nobody(self):
        over = Run.objects.exclude(finished_at=None)
        assert not over.exclude(lease_token=None).exists()
        assert not StageRecord.objects.filter(run__in=over, finished_at=None).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("examples", "reached"),
    [(3, {"applied", S.FAILED}), pytest.param(40, {"died", S.APPROVAL, S.CANCELLED}, marks=pytest.mark.long)],
)
def test_whatever_happens_in_any_order_runs_stay_in_their_rules(examples, reached):
    REACHED.clear()
    run_state_machine_as_test(
        Runs,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[*HealthCheck],
        ),
    )
    assert reached <= REACHED
