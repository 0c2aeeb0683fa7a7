"""The models of the app, imported from its subjects."""

from catalog.registered_models.models import (
    ModelVersion,
    ModelVersionStatus,
    RegisteredModel,
    RegisteredModelQuerySet,
    Risk,
    TrainingTable,
)
from catalog.workspaces.models import Environment, Workspace

__all__ = [
    "Environment",
    "ModelVersion",
    "ModelVersionStatus",
    "RegisteredModel",
    "RegisteredModelQuerySet",
    "Risk",
    "TrainingTable",
    "Workspace",
]
