"""Commands: what is one, what is done, and that "done" is said when the disk has it. On the real chain."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import MalformedMessage
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec, ChannelSpec, LearningSpec, LimitSpec, Source, WindowSpec
from agent.monitoring.types import SECOND, Block, Command, Record
from agent.ports import Delivery
from agent.runtime.commands import NAMES, Commands, read_command

TOPIC = "watchkeeper/v1/plant/gateway-1/cmd"
START = 1_700_000_000 * SECOND
PUMP = AssetSpec(
    id="pump",
    profile="process",
    channels=(ChannelSpec(name="pressure", unit="bar", topic="plant/pump", rate=1.0, source=Source()),),
    window=WindowSpec(seconds=5, stride=1),
    features=("mean",),
    limits=(LimitSpec(feature="pressure.mean", warning=5.0, alarm=6.0),),
    learning=LearningSpec(enabled=False, samples=10),
)


class Desk:
    """The commands of a pump whose alarm stands, and the answers that were given."""

    def __init__(self) -> None:
        self.monitor = Monitor(lambda _: None)
        self.monitor.add(PUMP)
        records: list[Record] = []
        for second in range(30):
            time = START + second * SECOND
            records += self.monitor.observe(Block("pump", "pressure", time, np.array([9.0])), time)
        assert next(r.body["transition"] for r in records if r.kind == "alarm") == "raised"
        self.answers: list[dict[str, Any]] = []
        self.commands = Commands(TOPIC, self.monitor.command, self._answer)

    def _answer(self, request: Delivery, payload: bytes) -> bool:
        assert request.topic.startswith(TOPIC)
        self.answers.append(orjson.loads(payload))
        return True

    def send(self, name: str, *, mark: int = 1, retained: bool = False, **document: Any) -> list[Record]:
        request = Delivery(f"{TOPIC}/{name}", orjson.dumps(document), START, 0, retained)
        return self.commands.receive(request, START + 60 * SECOND, mark, 100.0)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_only_topics_one_level_below_the_device_s_commands_are_asked_for(desk: Desk) -> None:
    assert desk.commands.filter == f"{TOPIC}/+"
    assert desk.commands.concerns(f"{TOPIC}/ack")
    assert not desk.commands.concerns("watchkeeper/v1/plant/gateway-2/cmd/ack")


def test_done_is_said_once_the_disk_has_it_with_the_records_that_it_led_to(desk: Desk) -> None:
    records = desk.send("ack", asset="pump", actor="eva", reason="seen", id="7")
    (record,) = records
    assert record.body["transition"] == "acknowledged"
    assert (record.body["actor"], record.body["reason"]) == ("eva", "seen")
    desk.commands.settle(0, 100.5)
    assert desk.answers == []
    assert desk.commands.owing
    desk.commands.settle(1, 100.6)
    assert desk.answers == [{"id": "7", "ok": True, "records": [record.body]}]
    assert not desk.commands.owing


def test_a_disk_that_is_slower_than_people_is_told_apart(desk: Desk) -> None:
    desk.send("ack", asset="pump", id=1)
    desk.commands.settle(0, 101.9)
    assert desk.answers == []
    desk.commands.settle(0, 102.1)
    (answer,) = desk.answers
    assert (answer["ok"], answer["durable"]) == (True, False)


def test_answers_leave_in_the_order_of_their_commits(desk: Desk) -> None:
    desk.send("ack", asset="pump", id=1, mark=3)
    desk.send("shelve", asset="pump", id=2, seconds=60, mark=4)
    desk.commands.settle(3, 100.1)
    assert [answer["id"] for answer in desk.answers] == [1]
    desk.commands.settle(4, 100.2)
    assert [answer["id"] for answer in desk.answers] == [1, 2]


def test_what_cannot_be_done_is_answered_at_once_and_leaves_nothing(desk: Desk) -> None:
    assert desk.send("ack", asset="fan", id=1) == []
    assert desk.send("unshelve", asset="pump", id=2) == []
    unknown, impossible = desk.answers
    assert (unknown["id"], unknown["ok"]) == (1, False)
    assert "pump" in unknown["error"], "the answer names the assets that there are"
    assert "shelve" in impossible["error"], "the answer names what could be done"
    assert not desk.commands.owing


def test_a_retained_command_is_not_carried_out_and_nobody_is_answered(desk: Desk) -> None:
    with pytest.raises(MalformedMessage, match="retain"):
        desk.send("ack", asset="pump", retained=True)
    desk.commands.refuse(Delivery(f"{TOPIC}/ack", b"{}", START, 0, retained=True), "retained")
    assert desk.answers == []
    desk.send("ack", asset="pump")  # the alarm still waited for this


def test_what_is_no_command_is_answered_with_the_reason_and_its_id(desk: Desk) -> None:
    desk.commands.refuse(Delivery(f"{TOPIC}/ack", b'{"id": "a", "machine": 1}', START, 0), "it has no asset")
    desk.commands.refuse(Delivery(f"{TOPIC}/ack", b"\xff", START, 0), "no JSON")
    assert desk.answers == [
        {"id": "a", "ok": False, "error": "it has no asset"},
        {"id": None, "ok": False, "error": "no JSON"},
    ]


def test_a_command_is_read_key_by_key() -> None:
    payload = b'{"asset": "pump", "alarm": "pressure", "actor": "eva", "seconds": 90, "reason": "seen", "id": 7}'
    assert read_command("shelve", payload) == Command("shelve", "pump", "eva", "pressure", 90.0, "seen")
    assert read_command("ack", b'{"asset": "pump"}') == Command("ack", "pump", "unnamed")


@pytest.mark.parametrize(
    ("name", "payload", "reason"),
    [
        ("acknowledge", b'{"asset": "pump"}', "there are: ack, shelve"),
        ("ack", b"pump", "no JSON"),
        ("ack", b"[1]", "no JSON object"),
        ("ack", b"{}", "names no machine"),
        ("ack", b'{"asset": ""}', "names no machine"),
        ("ack", b'{"asset": 7}', '"asset" should be printable text'),
        ("ack", b'{"asset": "pump", "reason": "\\u001b[2J"}', '"reason" should be printable text'),
        ("ack", b'{"asset": "pump", "who": "eva"}', "may have: asset, alarm, actor, reason, seconds, id"),
        ("ack", b'{"asset": "pump", "seconds": 60}', "only shelve"),
        ("shelve", b'{"asset": "pump", "seconds": 0}', "number above 0"),
        ("shelve", b'{"asset": "pump", "seconds": true}', "number above 0"),
        ("shelve", b'{"asset": "pump", "seconds": "2h"}', "number above 0"),
        ("ack", b'{"asset": "' + b"p" * 5000 + b'"}', "at most 4096 bytes"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(name: str, payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason.replace("[", r"\[")):
        read_command(name, payload)


@given(name=st.sampled_from(NAMES) | st.text(max_size=8), payload=st.binary(max_size=40) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["asset", "alarm", "seconds", "id", "x"]), inner),
).map(orjson.dumps))
def test_whatever_arrives_is_a_command_or_malformed(name: str, payload: bytes) -> None:
    try:
        command = read_command(name, payload)
    except MalformedMessage:
        return
    assert command.name == name
    assert command.asset
