"""Implements Terraform's plugin protocol 6 for the resources.

Every failure becomes a diagnostic. An uncaught exception would be shown as "Plugin error", and Terraform would lose
the state of resources that already exist.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import traceback
from collections.abc import Callable
from typing import Any

from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.utils import Diagnostics

from standin_databricks.client import ApiError, StoppedError, Workspace
from standin_databricks.planning import plan_state
from standin_databricks.resources import RESOURCES
from standin_databricks.resources.base import PartialStateError, Resource, ResourceError
from standin_databricks.schema import State, complete, resource_specs, schema_message
from standin_databricks.wire import attribute_path, read_value, write_value

# The real resources use SDKv2 and set this flag; without it Terraform checks results strictly.
_IS_TOLERANT = os.environ.get("STANDIN_STRICT") != "1"
_EMPTY_SPEC: dict[str, Any] = {"attributes": {}}

Method = Callable[..., Any]


def _reporting(method: Method) -> Method:
    """Print uncaught exceptions, so that TF_LOG shows them: gRPC has no hook for them."""

    @functools.wraps(method)
    def wrapper(self: Any, request: Any, context: Any) -> Any:
        try:
            return method(self, request, context)
        except Exception:
            traceback.print_exc()
            raise

    return wrapper


class ProviderServicer(rpc.ProviderServicer):  # type: ignore[misc]  # tf ships no types
    def __init__(self) -> None:
        self._stop = threading.Event()
        self._workspace = Workspace(self._stop)

    @_reporting
    def GetMetadata(self, request: Any, context: Any) -> Any:
        return pb.GetMetadata.Response(server_capabilities=_capabilities())

    @_reporting
    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        return pb.GetProviderSchema.Response(
            provider=schema_message(_EMPTY_SPEC),
            provider_meta=schema_message(_EMPTY_SPEC),
            resource_schemas={name: schema_message(resource_specs()[name]) for name in RESOURCES},
            server_capabilities=_capabilities(),
        )

    @_reporting
    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateProviderConfig.Response()

    @_reporting
    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        return pb.ConfigureProvider.Response()

    @_reporting
    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        diagnostics = Diagnostics()
        for problem in self._resource(request.type_name).validate(read_value(request.config)):
            diagnostics.add_error(problem)
        return pb.ValidateResourceConfig.Response(diagnostics=diagnostics.to_pb())

    @_reporting
    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        stored = json.loads(request.raw_state.json)
        state = complete(resource_specs()[request.type_name], stored)
        return pb.UpgradeResourceState.Response(upgraded_state=write_value(state))

    @_reporting
    def ReadResource(self, request: Any, context: Any) -> Any:
        diagnostics, state = Diagnostics(), read_value(request.current_state)
        try:
            state = self._resource(request.type_name).read(state)
        except (ApiError, ResourceError, StoppedError) as error:
            diagnostics.add_error(f"cannot read {request.type_name}: {error}", _detail(error))
        return pb.ReadResource.Response(
            new_state=write_value(state), diagnostics=diagnostics.to_pb(), private=request.private
        )

    @_reporting
    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        prior, proposed = read_value(request.prior_state), read_value(request.proposed_new_state)
        if proposed is None:
            return pb.PlanResourceChange.Response(
                planned_state=request.proposed_new_state, planned_private=request.prior_private
            )
        planned, replacing = plan_state(resource_specs()[request.type_name], prior, proposed)
        planned = self._resource(request.type_name).customize_plan(prior, planned)
        return pb.PlanResourceChange.Response(
            planned_state=write_value(planned),
            requires_replace=[attribute_path(path) for path in replacing],
            planned_private=request.prior_private,
            legacy_type_system=_IS_TOLERANT,
        )

    @_reporting
    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        diagnostics = Diagnostics()
        prior, planned = read_value(request.prior_state), read_value(request.planned_state)
        state = self._apply(request.type_name, prior, planned, diagnostics)
        return pb.ApplyResourceChange.Response(
            new_state=write_value(state),
            diagnostics=diagnostics.to_pb(),
            private=request.planned_private,
            legacy_type_system=_IS_TOLERANT,
        )

    @_reporting
    def ImportResourceState(self, request: Any, context: Any) -> Any:
        diagnostics, imported = Diagnostics(), []
        spec = resource_specs()[request.type_name]
        try:
            state = complete(spec, self._resource(request.type_name).import_state(request.id))
            imported.append(
                pb.ImportResourceState.ImportedResource(type_name=request.type_name, state=write_value(state))
            )
        except ResourceError as error:
            diagnostics.add_error(f"cannot import {request.type_name}: {error}")
        return pb.ImportResourceState.Response(imported_resources=imported, diagnostics=diagnostics.to_pb())

    @_reporting
    def StopProvider(self, request: Any, context: Any) -> Any:
        """Stop waiting: running calls return the state so far. The server keeps running until Shutdown."""
        self._stop.set()
        return pb.StopProvider.Response()

    def _resource(self, type_name: str) -> Resource:
        return RESOURCES[type_name](self._workspace)

    def _apply(
        self, type_name: str, prior: State | None, planned: State | None, diagnostics: Diagnostics
    ) -> State | None:
        verb = "create" if prior is None else "delete" if planned is None else "update"
        try:
            return self._change(self._resource(type_name), prior, planned)
        except PartialStateError as error:
            diagnostics.add_error(f"cannot {verb} {type_name}: {error}")
            return error.state
        except (ApiError, ResourceError, StoppedError) as error:
            diagnostics.add_error(f"cannot {verb} {type_name}: {error}", _detail(error))
        except Exception as error:  # a defect here must not lose the state of what exists
            traceback.print_exc()
            diagnostics.add_error(f"cannot {verb} {type_name}: defect in the provider: {error!r}")
        return prior

    @staticmethod
    def _change(resource: Resource, prior: State | None, planned: State | None) -> State | None:
        if planned is not None:
            return resource.create(planned) if prior is None else resource.update(prior, planned)
        if prior is not None:
            resource.delete(prior)
        return None


def _capabilities() -> Any:
    return pb.ServerCapabilities(get_provider_schema_optional=True)


def _detail(error: Exception) -> str:
    return f"error code {error.code}" if isinstance(error, ApiError) and error.code else ""
