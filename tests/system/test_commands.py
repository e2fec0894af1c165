"""Commands on the whole: the real broker, the real daemon, the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.system.conftest import Plant
from tests.system.daemon import eventually

FIXED_LIMIT = """
[[assets.pump.limits]]
feature = "pressure.mean"
warning = 5.0
alarm = 6.0
"""
TOPIC = "watchkeeper/v1/lab/test-1/cmd"


def watchkeeper(plant: Plant, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", *words, "--config", str(plant.daemon.config)],
        capture_output=True, text=True, check=False, timeout=30)


def transitions(plant: Plant) -> list[str]:
    """What the local alarm topic has told of the pump's pressure or its process as a whole."""
    return [alarm["transition"] for alarm in plant.local.of("alarm") if "silent" not in alarm["alarm"]]


def journal(plant: Plant) -> list[dict[str, Any]]:
    """The alarms in the journal, newest first."""
    told = watchkeeper(plant, "alarms", "--json", "--limit", "100")
    return [line["body"] for line in json.loads(told.stdout)]


def alarmed(plant: Plant) -> None:
    """The daemon runs and the pump's alarm stands."""
    plant.daemon.config.write_text(plant.daemon.config.read_text() + FIXED_LIMIT)
    plant.daemon.start()
    plant.machine.run(30)
    plant.machine.run(15, fault=5.0)
    eventually(lambda: "raised" in transitions(plant), what="the alarm")


def replies(plant: Plant, name: str) -> list[dict[str, Any]]:
    return [body for topic, body in plant.local.heard if topic == f"{TOPIC}/{name}/reply"]


def test_an_acknowledged_alarm_is_told_kept_and_survives_a_kill(plant: Plant) -> None:
    alarmed(plant)
    done = watchkeeper(plant, "ack", "pump", "--reason", "bearing ordered", "--actor", "eva")
    assert (done.returncode, done.stderr) == (0, "")
    assert "acknowledged" in done.stdout
    plant.daemon.kill()  # at once: what was said to be done is on the disk
    newest = journal(plant)[0]
    assert newest["transition"] == "acknowledged"
    assert (newest["actor"], newest["reason"]) == ("eva", "bearing ordered")
    eventually(lambda: "acknowledged" in transitions(plant), what="the acknowledgement on the alarm topic")
    plant.daemon.start()
    plant.machine.run(5, fault=5.0)
    again = watchkeeper(plant, "ack", "pump")
    assert again.returncode == 1, again.stdout
    assert "refused" in again.stderr
    assert "acknowledged" in again.stderr, "it says in which state the alarm is"
    assert transitions(plant).count("raised") == 1
    assert transitions(plant).count("acknowledged") == 1


def test_a_shelved_alarm_is_silent_even_after_a_restart_before_the_machine_is_heard(plant: Plant) -> None:
    alarmed(plant)
    shelved = watchkeeper(plant, "shelve", "pump", "--for", "2h", "--json")
    assert shelved.returncode == 0, shelved.stderr
    answer = json.loads(shelved.stdout)
    assert answer["ok"] is True
    assert {"shelved"} == {record["transition"] for record in answer["records"]}
    plant.daemon.kill()
    plant.daemon.start()
    # nothing has been heard from the machine yet, and still its alarm is known
    done = watchkeeper(plant, "unshelve", "pump", "--alarm", answer["records"][0]["alarm"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "unshelved" in done.stdout


def test_an_asset_that_is_not_there_is_answered_with_those_that_are(plant: Plant) -> None:
    plant.daemon.start()
    plant.machine.run(5)
    eventually(lambda: plant.office.of("window"), what="the pump is watched")
    wrong = watchkeeper(plant, "ack", "pumpe")
    assert wrong.returncode == 1
    assert "pump" in wrong.stderr.replace("pumpe", "")
    assert wrong.stdout == ""


def test_without_a_daemon_or_a_broker_nobody_answers_and_the_command_says_whom_it_asked(plant: Plant) -> None:
    for _ in range(2):
        silent = watchkeeper(plant, "service", "pump", "--out")
        assert silent.returncode == 69
        assert f"127.0.0.1:{plant.sensors.port}" in silent.stderr
        plant.sensors.stop()


def test_a_command_sent_while_the_daemon_was_away_is_not_carried_out_later(plant: Plant) -> None:
    alarmed(plant)
    plant.daemon.kill()
    plant.machine.send(b'{"asset": "pump", "id": "late"}', f"{TOPIC}/ack")
    plant.daemon.start()
    now = watchkeeper(plant, "ack", "pump")
    assert now.returncode == 0, now.stderr
    assert [reply["id"] for reply in replies(plant, "ack") if reply["id"] == "late"] == []


@pytest.mark.parametrize("junk", [b"\x00", b'{"asset": "pump", "id": "old"}'])
def test_retained_commands_are_reported_and_not_carried_out(plant: Plant, junk: bytes) -> None:
    plant.machine.keep(junk, f"{TOPIC}/shelve")
    plant.daemon.start()
    letters = eventually(
        lambda: [q for q in plant.office.of("quality") if q.get("topic") == f"{TOPIC}/shelve"],
        what="the retained command is reported")
    assert "retain" in letters[0]["reason"]
    assert replies(plant, "shelve") == []
    plant.machine.send(b'{"asset": "pump", "id": 1}', f"{TOPIC}/shelve")
    reply = eventually(lambda: replies(plant, "shelve"), what="a command that is not retained is answered")[0]
    assert (reply["id"], reply["ok"]) == (1, True)


def test_a_machine_can_be_learned_anew_at_any_time(plant: Plant) -> None:
    plant.daemon.start()
    for _ in range(2):
        done = watchkeeper(plant, "recommission", "pump", "--reason", "new bearing")
        assert (done.returncode, done.stderr) == (0, "")
        assert "learn anew" in done.stdout
        plant.machine.run(60)
        eventually(lambda: any(e.get("event") == "learned" for e in plant.office.of("event")), what="learned")
    (event, _) = [e for e in plant.office.of("event") if e.get("event") == "recommission"]
    assert event["reason"] == "new bearing"


def test_a_storm_of_malformed_commands_is_answered_no_faster_than_dead_letters_are_told(plant: Plant) -> None:
    plant.daemon.start()
    for _ in range(300):
        plant.machine.send(b"[", f"{TOPIC}/ack")
    plant.machine.send(b'{"asset": "pump", "id": "after"}', f"{TOPIC}/unshelve")
    eventually(lambda: replies(plant, "unshelve"), what="the daemon goes on")
    assert 60 <= len(replies(plant, "ack")) < 100
    assert {reply["ok"] for reply in replies(plant, "ack")} == {False}
