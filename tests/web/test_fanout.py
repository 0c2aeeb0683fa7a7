"""One task for each row: when it is sent, and until when it counts."""

from typing import Any

from web.fanout import fan_out


class Recorded:
    """A task that keeps how it was sent."""

    def __init__(self):
        self.sent = {}

    def apply_async(self, args, *, countdown, expires=None):
        self.sent[args[0]] = (countdown, expires)


def test_each_id_gets_a_message_at_once_that_never_expires():
    task: Any = Recorded()
    fan_out(task, ["runs", "alerts"])
    assert task.sent == {"runs": (0, None), "alerts": (0, None)}


def test_messages_are_spread_and_expire_a_round_after_their_time():
    task: Any = Recorded()
    fan_out(task, range(1, 41), expires_s=60, spread_s=50)
    waits = [wait for wait, _ in task.sent.values()]
    assert all(0 <= wait < 50 for wait in waits)
    assert len(set(waits)) == 40
    assert all(expires == wait + 60 for wait, expires in task.sent.values())


def test_an_id_keeps_its_place_in_every_round():
    first: Any = Recorded()
    second: Any = Recorded()
    fan_out(first, [3, 4, 5], expires_s=60, spread_s=50)
    fan_out(second, [5, 3], expires_s=60, spread_s=50)
    assert second.sent == {key: first.sent[key] for key in (5, 3)}
