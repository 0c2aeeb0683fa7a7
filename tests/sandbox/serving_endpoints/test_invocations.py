from __future__ import annotations

from typing import Any, cast

from sandbox.serving_endpoints.traffic.invocations import Invocation, Recorders


def test_a_recorder_that_fails_keeps_nothing_from_the_others() -> None:
    told: list[Any] = []

    def broken(invocation: Invocation) -> None:
        raise OSError("no space left on device")

    recorders = Recorders()
    recorders.add(broken)
    recorders.add(told.append)
    recorders.tell(cast("Invocation", "one exchange"))
    assert told == ["one exchange"]
