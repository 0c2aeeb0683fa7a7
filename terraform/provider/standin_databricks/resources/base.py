"""The base class of resources: validate, plan, create, read, update, delete, import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from standin_databricks.client import Workspace
from standin_databricks.schema import Spec, State, resource_specs
from standin_databricks.wire import is_known


class ResourceError(Exception):
    """A change is not possible. The message is for people."""


class PartialStateError(Exception):
    """The change stopped halfway; ``state`` has the result so far. Terraform taints a resource after a create."""

    def __init__(self, message: str, state: State) -> None:
        super().__init__(message)
        self.state = state


class Resource(ABC):
    type_name: str

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @property
    def spec(self) -> Spec:
        return resource_specs()[self.type_name]

    def validate(self, config: State) -> Iterator[str]:
        """Problems of a configuration, which may contain unknown values."""
        yield from ()

    def customize_plan(self, prior: State | None, planned: State) -> State:
        return planned

    def import_state(self, identifier: str) -> State:
        """The minimal state that ``read`` needs."""
        return {"id": identifier}

    @abstractmethod
    def create(self, planned: State) -> State: ...

    @abstractmethod
    def read(self, state: State) -> State | None:
        """The current state in the workspace; None if the object does not exist."""

    @abstractmethod
    def update(self, prior: State, planned: State) -> State: ...

    @abstractmethod
    def delete(self, prior: State) -> None: ...


def only_known(state: State) -> State:
    """``state`` with None for unknown values, at every depth."""
    return {name: _known(value) for name, value in state.items()}


def _known(value: object) -> object:
    if not is_known(value):
        return None
    if isinstance(value, dict):
        return only_known(value)
    return [_known(item) for item in value] if isinstance(value, list) else value
