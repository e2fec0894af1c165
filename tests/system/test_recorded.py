"""A recorded pump the long way: broker, daemon, uplink. What arrives equals the offline replay."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from agent.config import load
from agent.replay import replay_file
from tests.broker import Broker
from tests.system.daemon import UPLINK, Daemon, Listener, eventually

ROOT = Path(__file__).parents[2]
SKAB = Path(os.environ.get("WATCHKEEPER_DATA", ROOT.parent / "shared" / "data")) / "skab"
PLACE = {"device", "boot", "seq", "kind", "recorded", "monotonic", "synchronised", "historical"}


def recorded(folder: Path, notice: Any) -> tuple[Path, str]:
    """(file, separator): a real pump where its data are at hand, else a simulated one in their form."""
    real = sorted(SKAB.glob("valve1/*.csv.gz"))
    if real:
        path = folder / "pump.csv"
        lines = gzip.decompress(real[0].read_bytes()).decode().splitlines()
        path.write_text("\n".join(lines) + "\n")
        return path, ";"
    notice(f"the recorded pump: not run, no SKAB below {SKAB}; a simulated one took its place")
    subprocess.run([sys.executable, "-m", "simulators", "write", "--machine", "pump", "--duration", "1100",
                    "--fault", "blocked-suction@700-900", "--output", str(folder)], check=True, cwd=ROOT)
    rows = [line.split(",") for line in (folder / "telemetry.csv").read_text().splitlines()]
    head = ["datetime", "Accelerometer1RMS", "Accelerometer2RMS", "Current", "Pressure", "Temperature",
            "Thermocouple", "Voltage", "Volume Flow RateRMS"]
    # time, pressure, flow, current, temperature, vibration, speed, load
    order = (0, 5, 5, 3, 1, 4, 4, 6, 2)
    path = folder / "pump.csv"
    path.write_text("\n".join(";".join(r) for r in [head, *([row[i] for i in order] for row in rows[1:])]) + "\n")
    return path, ";"


def test_what_arrives_upstream_is_what_the_replay_says(tmp_path: Path, notice: Any) -> None:
    path, separator = recorded(tmp_path, notice)
    text = (ROOT / "tests/bench/skab.toml").read_text().replace('state_dir = "/tmp"', 'state_dir = "{state}"')
    text = text.replace("{ ", "{{ ").replace(" }", " }}")
    sensors = Broker(tmp_path / "sensors")
    uplink = Broker(tmp_path / "uplink")
    with sensors, uplink:
        brokers = f'\n[sensors]\nurl = "mqtt://127.0.0.1:{sensors.port}"\n' + UPLINK.format(port=uplink.port)
        daemon = Daemon(tmp_path, sensors.port, None, text + brokers)
        office = Listener(uplink.port)
        daemon.start()
        subprocess.run([sys.executable, "-m", "simulators", "replay", "--file", str(path), "--separator", separator,
                        "--topic", "skab/testbed", "--speed", "0",
                        "--broker", f"mqtt://127.0.0.1:{sensors.port}"], check=True, cwd=ROOT)
        records = list(replay_file(load(daemon.config, {}), path))
        offline = [dict(record.body) for record in records if record.kind == "window"]
        eventually(lambda: len(office.of("window")) == len(offline), within=30, what="every window upstream")
        online = sorted(office.of("window"), key=lambda body: (body["boot"], body["seq"]))
        daemon.stop()
        office.close()
    assert [without_place(body) for body in online] == json.loads(json.dumps(offline))
    told = [body["transition"] for body in sorted(office.of("alarm"), key=lambda body: body["seq"])]
    assert told == [record.body["transition"] for record in records if record.kind == "alarm"]
    assert "raised" in told


def without_place(body: dict[str, Any]) -> dict[str, Any]:
    """The record as the chain gave it."""
    return {key: value for key, value in body.items() if key not in PLACE}


