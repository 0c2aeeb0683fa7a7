"""The supported resources by type name."""

from __future__ import annotations

from standin_databricks.resources.base import Resource
from standin_databricks.resources.model_serving import ModelServing
from standin_databricks.resources.permissions import Permissions
from standin_databricks.resources.registered_model import RegisteredModel

RESOURCES: dict[str, type[Resource]] = {
    "databricks_model_serving": ModelServing,
    "databricks_permissions": Permissions,
    "databricks_registered_model": RegisteredModel,
}
