"""Records of a run: each pass through a stage, and the saved plan."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from deployments.runs.statuses import RunStatus, StageStatus


class StageRecord(models.Model):
    """One pass through a stage."""

    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="stages")
    stage = models.CharField(max_length=20, choices=RunStatus)
    status = models.CharField(max_length=20, choices=StageStatus, default=StageStatus.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True)
    #: Shown on the stage's tab.
    detail = models.JSONField(default=dict, blank=True)
    #: What the stage created in the workspace.
    created = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["run", "id"])]

    def __str__(self) -> str:
        return f"{self.stage} of run {self.run_id}"

    @classmethod
    def open(cls, run_id: int, stage: RunStatus, now: object) -> None:
        cls.objects.create(run_id=run_id, stage=stage, started_at=now)

    @classmethod
    def close(cls, run_id: int, verdict: StageStatus, message: str, now: object) -> None:
        open_records = cls.objects.filter(run=run_id, finished_at=None)
        open_records.update(status=verdict, finished_at=now, message=message)

    @classmethod
    def note(cls, run_id: int, stage: RunStatus, detail: dict[str, object]) -> None:
        """Merge ``detail`` into the newest record of ``stage``."""
        record = cls.objects.filter(run=run_id, stage=stage).order_by("-pk").first()
        if record:
            record.detail = {**record.detail, **detail}
            record.save(update_fields=["detail"])

    @classmethod
    def skip(cls, run_id: int, stage: RunStatus, message: str) -> None:
        now = timezone.now()
        cls.objects.create(
            run_id=run_id, stage=stage, status=StageStatus.SKIPPED, started_at=now, finished_at=now, message=message
        )


class RunPlan(models.Model):
    """The saved plan of a run: people review it, and only the plan file with this hash is applied."""

    run = models.OneToOneField("deployments.Run", on_delete=models.CASCADE, related_name="plan")
    sha256 = models.CharField(max_length=64)
    #: The encrypted plan file, for a worker on another host.
    planfile = models.BinaryField()
    terraform_version = models.CharField(max_length=40)
    #: Serial of the tfstate that the plan was made against; 0 without a tfstate.
    state_serial = models.PositiveBigIntegerField(default=0)
    #: Variables of terraform/modules/model_endpoint. They become ``Deployment.intended`` if the run succeeds.
    variables = models.JSONField(default=dict)
    #: The redacted output of ``terraform show -json``.
    show = models.JSONField()
    changes = models.JSONField(default=list)
    #: The changes as readable text.
    sentences = models.JSONField(default=list)
    summary = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"plan of run {self.run_id}"
