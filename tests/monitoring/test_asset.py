"""One machine under watch: what operators ask of it, what silence means, and what survives a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agent.errors import CommandError
from agent.monitoring.device import DEVICE
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import (
    AlarmSpec,
    AssetSpec,
    ChannelSpec,
    LearningSpec,
    LimitSpec,
    PersistenceSpec,
    RunningSpec,
    WindowSpec,
)
from agent.monitoring.types import SECOND, Block, Command, Record
from tests.monitoring.plant import MOTOR, PUMP, T0, Plant, alarms, bodies, learned, raised, transitions

# --------------------------------------------------------------------------- what operators ask


def test_an_alarm_is_acknowledged_by_name_and_its_record_says_by_whom() -> None:
    plant = raised()
    (done,) = plant.do("ack", alarm="condition", reason="seen")
    assert (done["transition"], done["before"], done["state"]) == ("acknowledged", "unacknowledged", "acknowledged")
    assert (done["cause"], done["actor"], done["reason"], done["standing"]) == ("operator", "ada", "seen", True)
    assert transitions(plant.run(30)) == ["cleared"]
    assert {alarm.state.value for alarm in plant.monitor.assets["pump"].alarms} == {"normal"}


def test_without_a_name_every_alarm_that_can_be_is_acknowledged() -> None:
    plant = raised()
    plant.run(70, silent="pressure", flow=-3.0)
    assert {body["alarm"] for body in plant.do("ack")} >= {"condition", "silent pressure"}
    with pytest.raises(CommandError):
        plant.do("ack")


def test_a_shelved_alarm_is_quiet_until_its_time_is_over() -> None:
    plant = learned()
    (shelved,) = plant.do("shelve", alarm="condition", seconds=60.0)
    assert shelved["until"] == "2023-11-14T22:15:50.000000Z"
    assert alarms(plant.run(50, flow=-3.0)) == []
    told, *_ = alarms(plant.run(15, flow=-3.0))
    assert (told["transition"], told["cause"], told["state"]) == ("unshelved", "time", "unacknowledged")


def test_out_of_service_it_is_quiet_until_it_is_put_back() -> None:
    plant = learned()
    assert {body["transition"] for body in plant.do("out-of-service")} == {"removed"}
    assert alarms(plant.run(200, flow=-3.0)) == []
    back = plant.do("in-service", alarm="condition")
    assert (back[0]["transition"], back[0]["state"]) == ("returned", "unacknowledged")


def test_who_names_an_unknown_asset_is_told_the_known_ones() -> None:
    plant = Plant(PUMP, replace(PUMP, id="fan"))
    with pytest.raises(CommandError, match="ack: no asset 'pomp' is watched; there are: pump, fan"):
        plant.do("ack", "pomp")
    with pytest.raises(CommandError, match="there are: none"):
        Monitor(lambda _: None).command(Command("ack", "pump", "ada"), T0)


def test_who_names_an_unknown_alarm_is_told_the_known_ones() -> None:
    with pytest.raises(CommandError, match=r"has no alarm vibration; it has: condition, .*silent pressure, silent"):
        Plant().do("ack", alarm="vibration")
    with pytest.raises(CommandError, match="motor has no measuring point vibration; it has: drive end, far end"):
        Plant(MOTOR).do("recommission", "motor", "vibration")


# --------------------------------------------------------------------------- learn anew


def test_recommissioned_it_clears_the_alarm_and_learns_what_is_normal_now() -> None:
    plant = raised()
    event, cleared = plant.do("recommission", reason="new impeller")
    assert (event["event"], event["actor"], event["reason"]) == ("recommission", "ada", "new impeller")
    assert (cleared["transition"], cleared["alarm"], cleared["standing"]) == ("cleared", "condition", False)
    asset = plant.monitor.assets["pump"]
    assert (asset.progress, asset.health) == (0.0, None)
    found = plant.run(300, flow=-3.0)
    assert alarms(found) == []
    assert len(bodies(found, "learned")) == 1
    assert asset.health is not None
    assert transitions(plant.run(10))[0] == "raised", "the old normal is none any more"


def test_recommissioning_survives_a_restart() -> None:
    plant = raised()
    plant.monitor.snapshots()
    plant.do("recommission")
    after = plant.restarted()
    assert after.monitor.assets["pump"].progress == 0.0
    assert alarms(after.run(100, flow=-3.0)) == []


def test_one_measuring_point_of_several_is_recommissioned_by_its_name() -> None:
    plant, rng = Plant(MOTOR), np.random.default_rng(0)

    def record(count: int) -> None:
        for _ in range(count):
            plant.second += 10
            for channel in MOTOR.channels:
                plant.monitor.observe(
                    Block("motor", channel.name, plant.now, rng.normal(size=2560), 25_600.0), plant.now)

    record(30)
    drive, far = (point for point, _ in plant.monitor.assets["motor"].points)
    assert (drive.progress, far.progress) == (1.0, 1.0)
    (event,) = plant.do("recommission", "motor", "far end")
    assert event["channel"] == "far end"
    assert (drive.progress, far.progress) == (1.0, 0.0)
    record(30)
    assert far.progress == 1.0


def test_what_is_only_limited_has_nothing_to_forget() -> None:
    plant = Plant(replace(PUMP, learning=LearningSpec(enabled=False)))
    assert [body["event"] for body in plant.do("recommission")] == ["recommission"]
    assert [body["event"] for body in plant.do("revert")] == ["revert"]
    assert plant.monitor.assets["pump"].progress == 1.0


def test_reverting_undoes_what_was_followed_and_nothing_else() -> None:
    spec = replace(PUMP, channels=tuple(replace(channel, rate=0.05) for channel in PUMP.channels),
                   window=WindowSpec(seconds=100, stride=20))
    plant = Plant(spec)
    plant.pace = 20
    plant.run(90)
    fresh = plant.monitor.assets["pump"].to_json()["points"][""]["judge"]["baseline"]
    assert len(bodies(plant.run(750, flow=0.05), "adapted")) == 1
    followed = plant.monitor.assets["pump"].to_json()["points"][""]["judge"]["baseline"]
    assert followed["following"]["offset"] is not None
    (event,) = plant.do("revert", reason="it was a fault")
    assert event["event"] == "revert"
    after = plant.monitor.assets["pump"].to_json()["points"][""]["judge"]["baseline"]
    assert after["following"]["offset"] is None
    assert after["bands"] == fresh["bands"]


# --------------------------------------------------------------------------- silence


def test_a_silent_channel_is_an_alarm_of_communication_and_not_of_the_machine() -> None:
    plant = learned()
    found = plant.run(120, silent="flow")
    told = [(body["concerns"], body["transition"]) for body in alarms(found) if body["alarm"] == "silent flow"]
    assert told == [("communication", "raised")]
    found += plant.run(60)
    assert [body["transition"] for body in alarms(found) if body["alarm"] == "silent flow"] == ["raised", "cleared"]
    assert "machine" not in {body["concerns"] for body in alarms(found)}


def test_silence_over_a_restart_is_not_told_again() -> None:
    plant = learned()
    plant.run(120, silent="flow")
    after = plant.restarted()
    assert "raised" not in transitions(after.run(100, silent="flow"))
    assert "cleared" in transitions(after.run(5))


def test_a_channel_that_was_never_heard_is_not_called_silent() -> None:
    assert Plant().run(0) == []
    assert Plant().monitor.tick(T0 + 10**6 * SECOND) == []


def test_records_now_and_then_are_no_gaps() -> None:
    plant, rng = Plant(MOTOR), np.random.default_rng(0)
    found: list[Record] = []
    for _ in range(5):
        plant.second += 600
        found += plant.monitor.observe(
            Block("motor", "far end", plant.now, rng.normal(size=2560), 25_600.0), plant.now)
    assert [record.kind for record in found if record.kind != "summary"] == ["window"] * 5
    assert plant.monitor.quality() == {}


# --------------------------------------------------------------------------- standstill


def test_at_a_standstill_a_standing_alarm_is_suppressed_and_told_again_after_it() -> None:
    speed = ChannelSpec(name="speed", topic="t", rate=1.0, role="operating", unit="rpm")
    spec = replace(
        PUMP, channels=(*PUMP.channels, speed), running=RunningSpec(channel="speed", above=500.0, settle=10.0))
    plant = learned(spec)
    assert transitions(plant.run(20, flow=-3.0))[0] == "raised"
    asset = plant.monitor.assets["pump"]
    condition = asset.alarms[0]
    assert condition.name == "condition"
    plant.run(30, speed=-1500.0, flow=-30.0, pressure=-4.0)
    assert condition.state.value == "suppressed"
    again = alarms(plant.run(60, flow=-3.0))
    assert [(body["transition"], body["cause"]) for body in again[:1]] == [("unsuppressed", "design")]
    assert condition.standing


# --------------------------------------------------------------------------- many alarms


def fleet(size: int) -> list[AssetSpec]:
    return [replace(PUMP, id=f"pump-{number}") for number in range(size)]


def test_more_alarms_than_a_person_can_follow_are_said_once_as_a_flood() -> None:
    plant = learned(*fleet(12))
    found = alarms(plant.run(10, flow=-3.0))
    (flood,) = [body for body in found if body["asset"] == DEVICE]
    assert (flood["alarm"], flood["transition"], flood["count"]) == ("flood", "raised", 11)
    machines = {body["asset"] for body in found if body["transition"] == "raised"} - {DEVICE}
    assert len(machines) == 12
    (done,) = plant.do("ack", DEVICE)
    assert (done["alarm"], done["state"]) == ("flood", "acknowledged")


def test_a_flood_is_over_when_few_alarms_come_and_is_not_told_again_after_a_restart() -> None:
    plant = learned(*fleet(12))
    plant.run(10, flow=-3.0)
    after = plant.restarted()
    ebbed = alarms(after.monitor.tick(after.now + 3600 * SECOND))
    assert [body["transition"] for body in ebbed if body["asset"] == DEVICE] == ["cleared"]


def test_the_device_itself_learns_nothing() -> None:
    with pytest.raises(CommandError, match="no asset '' is watched"):
        Plant().do("recommission", DEVICE)


# --------------------------------------------------------------------------- restart


def test_an_acknowledged_alarm_is_still_acknowledged_after_a_restart() -> None:
    plant = raised()
    plant.do("ack")
    after = plant.restarted()
    assert [alarm.state.value for alarm in after.monitor.assets["pump"].alarms][:1] == ["acknowledged"]
    assert "raised" not in transitions(after.run(10, flow=-3.0))


def test_a_snapshot_is_due_only_after_something_changed() -> None:
    plant = learned()
    assert [snapshot.asset for snapshot in plant.monitor.snapshots()] == ["pump"]
    assert plant.monitor.snapshots() == []
    plant.run(20)
    assert plant.monitor.snapshots() == []
    plant.run(10, flow=-3.0)
    assert len(plant.monitor.snapshots()) == 1
    plant.do("ack")
    assert len(plant.monitor.snapshots()) == 1


@pytest.mark.parametrize("spoil", [
    {"version": 7}, {"points": {}}, {"regime": {}}, {"points": {"": {"alarm": {}}}}, {"silences": {"flow": {}}},
])
def test_a_snapshot_that_does_not_fit_is_set_aside_and_the_asset_begins_anew(spoil: dict[str, Any]) -> None:
    plant = learned()
    (snapshot,) = plant.monitor.snapshots()
    monitor = Monitor(lambda _: None)
    monitor.remember({"pump": {**snapshot.state, **spoil}}, {})
    (event,) = monitor.add(PUMP)
    assert event.body["event"] == "relearn"
    assert monitor.assets["pump"].progress == 0.0


def test_a_latching_alarm_stays_until_it_is_reset() -> None:
    plant = raised(replace(PUMP, alarms=AlarmSpec(latching=True)))
    plant.run(30)
    (reset,) = plant.do("ack")
    assert (reset["transition"], reset["before"], reset["state"]) == ("reset", "latched", "normal")


def test_windows_that_are_alarms_of_their_own_are_no_flood() -> None:
    spec = replace(
        PUMP, channels=PUMP.channels[:1], window=WindowSpec(count=4), learning=LearningSpec(enabled=False),
        limits=(LimitSpec(feature="rms", alarm=2.0),), persistence=PersistenceSpec(every_window=True))
    found = alarms(Plant(spec).run(100))
    assert len(found) == 25
    assert {body["asset"] for body in found} == {"pump"}
