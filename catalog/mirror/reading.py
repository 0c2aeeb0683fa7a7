"""One sync pass over a workspace: list the models, re-list versions, read the details of new versions.

Listing 200 unchanged models costs one request. Versions, aliases and tags (three requests per model) are read again
for changed models, for all models of a requested refresh, and in turn for at most ``RELIST_LIMIT`` other models.
Details are read once per version, for at most ``DETAILS_LIMIT`` versions per pass.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.db.models import F, QuerySet
from django.utils import timezone

from catalog.mirror import rows
from catalog.mirror.claim import Claim
from catalog.registered_models.models import ModelVersion, ModelVersionStatus, RegisteredModel
from catalog.workspaces.models import Workspace
from catalog.workspaces.services import connect
from integrations import databricks
from integrations.errors import IntegrationError

logger = logging.getLogger(__name__)

RELIST_LIMIT = 50

DETAILS_LIMIT = 100

# Well below ``Workspace.SYNC_ABANDONED_AFTER``.
PASS_BUDGET_S = 300

# This many temporary errors in a row mean that the workspace has a problem, not a single model.
GIVE_UP_AFTER = 3

Connect = Callable[[Workspace], databricks.WorkspaceClient]


@dataclass
class SyncOutcome:
    """The numbers of models, versions and details that a pass has read."""

    models: int = 0
    versions: int = 0
    details: int = 0
    #: Messages about models and versions that could not be read.
    errors: list[str] = field(default_factory=list)


class _ClaimLost(Exception):
    """Another worker has taken over the claim."""


def sync_workspace(workspace_id: int, *, connect: Connect = connect) -> SyncOutcome | None:
    """Mirror the catalogs of the workspace's environments. None if a sync is already running.

    Never raises IntegrationError: the message goes to ``Workspace.sync_error`` and the old rows stay.
    """
    claim = Claim.take(workspace_id)
    if claim is None:
        return None
    outcome = SyncOutcome()
    try:
        _Pass(claim, connect(claim.workspace), outcome).run()
    except IntegrationError as error:
        outcome.errors.append(error.message)
    except _ClaimLost:
        logger.warning("sync of workspace %s was taken over", claim.workspace)
        return outcome
    except Exception:
        claim.fail("The sync stopped with an internal error; see the portal's log.")
        raise
    if outcome.errors:
        others = len(outcome.errors) - 1
        claim.fail(outcome.errors[0] + (f" (and {others} more)" if others else ""))
    else:
        claim.succeed()
    return outcome


class _Pass:
    def __init__(self, claim: Claim, remote: databricks.WorkspaceClient, outcome: SyncOutcome) -> None:
        self.claim = claim
        self.workspace = claim.workspace
        self.remote = remote
        self.outcome = outcome
        self.deadline = time.monotonic() + PASS_BUDGET_S
        self.failed_in_a_row = 0

    def run(self) -> None:
        catalogs = sorted(set(self.workspace.environments.values_list("catalog_name", flat=True)))
        listed = self.remote.list_models(*catalogs) if catalogs else []
        rows.save_models(self.workspace, listed, timezone.now())
        self.outcome.models = len(listed)
        due = self._due_models()
        self.claim.expect(len(due))
        for model in due:
            self._each(model.full_name, partial(self._relist, model))
        undetailed = list(self._undetailed()[:DETAILS_LIMIT])
        self.claim.expect(len(undetailed))
        for version in undetailed:
            self._each(str(version), partial(self._read_details, version))

    def _each(self, name: str, step: Callable[[], None]) -> None:
        """Take one step. A failed step is recorded; GIVE_UP_AFTER temporary failures in a row stop the pass."""
        if time.monotonic() > self.deadline:
            return
        try:
            step()
            self.failed_in_a_row = 0
        except IntegrationError as error:
            self.outcome.errors.append(f"{name}: {error.message}")
            self.failed_in_a_row += 0 if error.permanent else 1
            if self.failed_in_a_row >= GIVE_UP_AFTER:
                raise
        if not self.claim.step():
            raise _ClaimLost

    def _due_models(self) -> list[RegisteredModel]:
        present = self.workspace.models.present().order_by(F("versions_synced_at").asc(nulls_first=True), "pk")
        if self.claim.is_full:
            return list(present)
        changed = list(present.filter(versions_synced_at=None))
        return changed + list(present.exclude(versions_synced_at=None)[:RELIST_LIMIT])

    def _relist(self, model: RegisteredModel) -> None:
        asked_at = timezone.now()
        versions = self.remote.list_versions(model.full_name)
        aliases = self.remote.aliases(model.full_name)
        tags = self.remote.model_tags(model.full_name)
        rows.save_versions(model, versions, aliases, tags, asked_at)
        self.outcome.versions += len(versions)

    def _undetailed(self) -> QuerySet[ModelVersion]:
        return (
            ModelVersion.objects.filter(
                model__in=self.workspace.models.present(),
                removed_at=None,
                details_synced_at=None,
                status=ModelVersionStatus.READY,
            )
            .select_related("model")
            .order_by("-version", "-pk")
        )

    def _read_details(self, version: ModelVersion) -> None:
        try:
            details = self.remote.version_details(version.model.full_name, version.version, run_id=version.run_id)
        except IntegrationError as error:
            if error.permanent:
                # A retry would fail again, so the version gets empty details.
                rows.save_details(version, databricks.VersionDetails(), timezone.now())
            raise
        rows.save_details(version, details, timezone.now())
        self.outcome.details += 1
