"""What the daemon must survive, each with the real fault: killed brokers, a killed daemon, storms."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from tests.system.conftest import Plant
from tests.system.daemon import eventually

FAULT = 2.0


def learned(plant: Plant) -> bool:
    return any(event.get("event") == "learned" for event in plant.office.of("event"))


def alarms(plant: Plant) -> list[str]:
    """The turns of the alarm upstream, without the explanation that follows its raising."""
    return turns(plant.office.of("alarm"))


def turns(said: list[dict[str, Any]]) -> list[str]:
    return [alarm["transition"] for alarm in said if alarm["transition"] != "explained"]


def learn(plant: Plant) -> None:
    plant.machine.run(60)
    eventually(lambda: learned(plant), what="the pump is learned")


def test_a_fault_is_noticed_locally_and_upstream_and_its_end_too(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    plant.machine.run(10, fault=FAULT)
    eventually(lambda: alarms(plant) == ["raised"], what="the alarm upstream")
    eventually(lambda: turns(plant.local.of("alarm")) == ["raised"], what="the local alarm")
    raised = plant.office.of("alarm")[0]
    assert raised["asset"] == "pump"
    assert raised["contributors"][0][0] == "pressure"
    assert raised["score"] > raised["threshold"]
    plant.machine.run(20)
    eventually(lambda: alarms(plant) == ["raised", "cleared"], what="the end of the alarm")


def test_sigterm_flushes_and_leaves_in_time(plant: Plant) -> None:
    plant.daemon.start()
    plant.machine.run(30)
    time.sleep(0.3)
    code, seconds = plant.daemon.stop()
    assert code == 0
    assert seconds < 5
    plant.daemon.start()
    eventually(lambda: len(plant.office.of("window")) == 26, what="every window upstream")
    states = [str(body) for topic, body in plant.office.heard if topic.endswith("/state")]
    assert ["online" in state or "stopped" in state for state in states] == [True] * len(states)
    assert "stopped" in states[1]


def test_the_sensor_broker_killed_and_restarted_loses_no_subscription(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    before = len(plant.office.of("window"))
    plant.sensors.kill()
    time.sleep(1.0)
    plant.sensors.start()
    plant.machine.run(30)
    eventually(lambda: len(plant.office.of("window")) >= before + 29, within=30, what="windows after the restart")
    plant.machine.run(5, fault=FAULT)
    eventually(lambda: alarms(plant) == ["raised"], what="an alarm after the restart")


def test_the_uplink_broker_away_loses_nothing_and_marks_history(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    plant.uplink.kill()
    plant.machine.run(30)
    plant.machine.run(5, fault=FAULT)
    plant.machine.run(20)
    eventually(lambda: turns(plant.local.of("alarm")) == ["raised", "cleared"],
               what="local alarms without a link")
    plant.uplink.start()
    eventually(lambda: alarms(plant) == ["raised", "cleared"], within=40, what="the alarms, later")
    eventually(lambda: len(plant.office.of("window")) >= 110, within=40, what="the windows, later")
    assert all(alarm["historical"] for alarm in plant.office.of("alarm"))
    seqs = sorted(body["seq"] for _, body in plant.office.heard if "seq" in body)
    assert set(seqs) == set(range(1, max(seqs) + 1))


def test_a_killed_daemon_neither_loses_nor_doubles_an_alarm_and_says_the_gap(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    plant.machine.run(10, fault=FAULT)
    eventually(lambda: alarms(plant) == ["raised"], what="the alarm")
    plant.daemon.kill()
    plant.machine.second += 100
    plant.daemon.start()
    plant.machine.run(10, fault=FAULT)
    eventually(lambda: any(q.get("quality") == "gap" for q in plant.office.of("quality")), what="the gap")
    plant.machine.run(20)
    eventually(lambda: alarms(plant) == ["raised", "cleared"], what="the end of the same alarm")
    boots = {alarm["boot"] for alarm in plant.office.of("alarm")}
    assert len(boots) == 2
    learnings = [e for e in plant.office.of("event") if e.get("event") == "learned"]
    assert len(learnings) == 1


def test_what_the_broker_holds_while_the_daemon_is_dead_is_worked_in_later(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    plant.daemon.kill()
    plant.machine.run(30)
    plant.machine.run(5, fault=FAULT)
    plant.daemon.start()
    eventually(lambda: alarms(plant) == ["raised"], what="the alarm from the backlog")


def test_a_storm_of_malformed_payloads_is_dead_lettered_with_a_limit_and_work_goes_on(plant: Plant) -> None:
    plant.daemon.start()
    for number in range(300):
        plant.machine.send(b'{"ts": ' + b"x" * (number % 7) + b"\xff")
    learn(plant)
    letters = [q for q in plant.office.of("quality") if q.get("quality") == "dead-letter"]
    assert 1 <= len(letters) <= 70
    assert letters[0]["topic"] == "plant/pump/telemetry"
    assert letters[0]["reason"]
    assert not plant.daemon.exited


def test_a_message_of_10_mb_is_refused_and_the_memory_stays(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    plant.machine.send(b"[" + b"1," * 5_000_000 + b"1]")
    letters = lambda: [q for q in plant.office.of("quality") if q.get("quality") == "dead-letter"]  # noqa: E731
    eventually(letters, what="the dead letter")
    before = len(plant.office.of("window"))
    plant.machine.run(20)
    eventually(lambda: len(plant.office.of("window")) >= before + 19, what="windows after it")
    assert plant.daemon.process is not None
    status = Path(f"/proc/{plant.daemon.process.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
    assert peak < 100


def test_sighup_applies_a_valid_change_and_refuses_an_invalid_one(plant: Plant) -> None:
    plant.daemon.start()
    learn(plant)
    good = plant.daemon.config.read_text()
    plant.daemon.config.write_text(good.replace("learning = { samples = 40 }", "learning = { samples = 1 }"))
    plant.daemon.signal(signal.SIGHUP)
    eventually(lambda: "refused" in plant.daemon.log(), what="the refusal in the log")
    assert "learning" in plant.daemon.log()
    limit = '\n[[assets.pump.limits]]\nfeature = "flow.mean"\nalarm = 20.0\n'
    plant.daemon.config.write_text(good + limit)
    plant.daemon.signal(signal.SIGHUP)
    eventually(lambda: "configuration reloaded" in plant.daemon.log(), what="the reload in the log")
    plant.machine.run(20)
    alarm = eventually(lambda: plant.office.of("alarm"), what="an alarm by the new limit")[0]
    assert (alarm["feature"], alarm["limit"]) == ("flow.mean", 20.0)
    learnings = [e for e in plant.office.of("event") if e.get("event") == "learned"]
    assert len(learnings) == 1


def test_a_bug_ends_the_process_with_70_and_no_zombie_lives_on(plant: Plant) -> None:
    plant.daemon.start(
        "from agent.adapters.mqtt.sensors import SensorLink; "
        "SensorLink._on_subscribe = lambda *_: 1 / 0")
    assert plant.daemon.process is not None
    assert plant.daemon.process.wait(15) == 70
    assert "ZeroDivisionError" in plant.daemon.log()


def test_json_of_every_record_upstream_names_its_place_in_the_log(plant: Plant) -> None:
    plant.daemon.start()
    plant.machine.run(20)
    eventually(lambda: len(plant.office.of("window")) >= 10, what="windows")
    for topic, body in list(plant.office.heard):
        if "seq" in body:
            assert {"device", "boot", "seq", "kind", "historical"} <= body.keys(), json.dumps(body)
            assert topic == f"watchkeeper/v1/lab/test-1/{body['kind']}"
