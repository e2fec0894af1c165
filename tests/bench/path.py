"""The cost of each stage of the path: ``python -m tests.bench.path [--json]``.

Each stage is measured beside its bare cost (a bare orjson.loads, a bare rfft, a bare invoke, a bare
insert) in the same run, in turns; the ratio is what to compare, the machine's speed drifts. Then
the daemon as a process: time to its subscription, memory idle and after a load.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import orjson

from agent.adapters.mqtt.tap import PublishTap
from agent.adapters.sqlite.journal import SqliteJournal
from agent.adapters.tflite import load_model
from agent.models import ModelShelf
from agent.monitoring.acquisition.decoder import build_decoder
from agent.monitoring.manipulation.features.waveform import WaveformFeatures
from agent.monitoring.manipulation.quality import QualityGate
from agent.monitoring.monitor import Monitor
from agent.monitoring.spec import AssetSpec, ChannelSpec, DecodeLimits, LearningSpec, ModelSpec, Source, WindowSpec
from agent.monitoring.types import Block
from agent.ports import Entry
from agent.shipped import MODELS
from tests.bench.stage import Stage, measure, shares
from tests.bench.telemetry_path import telemetry_stages
from tests.bench.waveform_path import waveform_stages
from tests.broker import Broker
from tests.system.daemon import Daemon, Machine, eventually

_T0 = 1_700_000_000_000_000_000


def message_stages() -> list[Stage]:
    """What every message costs."""
    channel = ChannelSpec(name="value", topic="t", source=Source(value="/value", time="/ts", time_unit="ms"))
    decode = build_decoder("a", [channel], DecodeLimits())
    payloads = [orjson.dumps({"ts": 1_700_000_000_000 + i * 100, "value": 20.0 + i % 7}) for i in range(4096)]
    raw = np.random.default_rng(1).normal(size=1024).astype("<f4").tobytes()
    fast = ChannelSpec(name="x", topic="t", rate=25_600.0, source=Source(codec="binary"))
    decode_block = build_decoder("a", [fast], DecodeLimits())
    gate = QualityGate(channel)
    value = np.array([20.0])

    def sample(i: int) -> Block:
        return Block("a", "value", _T0 + i * 100_000_000, value)

    quiet = Monitor(ModelShelf().load)
    quiet.add(AssetSpec(id="a", profile="process", channels=(channel,), window=WindowSpec(count=1_000_000),
                        learning=LearningSpec(enabled=False)))
    packet = publish_packet("plant/line1/m01/temperature", payloads[0])
    mine, other = socket.socketpair()
    mine.setblocking(False)
    tap = PublishTap(mine, properties=False, max_payload=1_048_576)
    batch = packet * 100

    def tap_hundred(_: int) -> None:
        other.sendall(batch)
        tap.pull()

    def bare_hundred(_: int) -> None:
        other.sendall(batch)
        mine.recv(262_144)

    return [
        Stage("tap, 100 PUBLISH packets in a read", "100 messages", tap_hundred, "the same bytes, recv", bare_hundred),
        Stage("decode JSON, one channel", "message", lambda i: decode(payloads[i & 4095], _T0),
              "orjson.loads", lambda i: orjson.loads(payloads[i & 4095])),
        Stage("decode binary, 1024 f32", "message", lambda _: decode_block(raw, _T0),
              "np.frombuffer", lambda _: np.frombuffer(raw, "<f4")),
        Stage("quality gate, one sample", "message", lambda i: gate.check(sample(i)),
              "making the block", sample),
        Stage("observe, window stays open", "message", lambda i: quiet.observe(sample(i), _T0),
              "making the block", sample),
    ]


def publish_packet(topic: str, payload: bytes) -> bytes:
    """A QoS 0 PUBLISH of less than 128 bytes."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + payload
    return bytes([0x30, len(body)]) + body


def window_stages() -> list[Stage]:
    """What every window costs."""
    rng = np.random.default_rng(2)
    block = rng.normal(size=1024)
    record = rng.normal(size=2560)
    plain = WaveformFeatures(("rms", "kurtosis", "bands"), 1024, 25_600.0)
    octaves = WaveformFeatures(("octaves",), 2560, 25_600.0)
    full = WaveformFeatures(("rms", "peak", "crest", "kurtosis", "octaves", "levels"), 2560, 25_600.0)
    waveform = one_waveform(record)
    model = load_model(MODELS / "bearing-bands" / "model.tflite")
    inputs = np.zeros(model.input_size)

    return [
        Stage("features rms, kurtosis, 8 bands of 1024", "window", lambda _: plain.extract(block),
              "np.fft.rfft of 1024", lambda _: np.fft.rfft(block)),
        Stage("octave bands of 2560", "window", lambda _: octaves.extract(record),
              "np.fft.rfft of 2560", lambda _: np.fft.rfft(record)),
        Stage("all shipped waveform features of 2560", "window", lambda _: full.extract(record),
              "np.fft.rfft of 2560", lambda _: np.fft.rfft(record)),
        Stage("int8 model, quantise to score", "window", lambda _: model.score(inputs),
              "bare invoke", bare_invoke(MODELS / "bearing-bands" / "model.tflite")),
        Stage("waveform 2560: gate, features, model, score, record", "window", waveform,
              "np.fft.rfft of 2560", lambda _: np.fft.rfft(record)),
    ]


def bare_invoke(path: Path) -> Callable[[int], object]:
    """The interpreter alone, with nothing around it."""
    for name in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        try:
            interpreter = import_module(name).Interpreter(model_path=str(path), num_threads=1)
        except ModuleNotFoundError:
            continue
        interpreter.allocate_tensors()
        return lambda _: interpreter.invoke()
    raise SystemExit("no TensorFlow Lite runtime is installed")


def one_waveform(record: np.ndarray) -> Callable[[int], object]:  # type: ignore[type-arg]
    """One record of a vibration channel in its learned state, with the shipped model."""
    spec = AssetSpec(
        id="a", profile="waveform", features=("rms", "peak", "crest", "kurtosis", "octaves"),
        channels=(ChannelSpec(name="x", topic="t", rate=25_600.0),), learning=LearningSpec(samples=40),
        model=ModelSpec(path=str(MODELS / "bearing-bands")))
    monitor = Monitor(ModelShelf().load)
    monitor.add(spec)
    number = [0]

    def step(_: int) -> None:
        number[0] += 1
        at = _T0 + number[0] * 10_000_000_000
        monitor.observe(Block("a", "x", at, record, 25_600.0), at)

    for i in range(60):
        step(i)
    return step


def journal_stages(folder: Path) -> list[Stage]:
    """What every committed record costs, 50 in a commit."""
    journal = SqliteJournal(folder / "ours.db", 256 * 1_048_576)
    boot = journal.begin_boot(_T0)
    payload = orjson.dumps({"asset": "a", "score": 1.25, "features": {f"f{i}": i / 7 for i in range(12)}})
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, payload TEXT)")
    seq = [0]

    def commit(_: int) -> None:
        seq[0] += 50
        journal.commit([Entry(boot, seq[0] + i, "window", "a", _T0, payload) for i in range(50)])

    def insert(_: int) -> None:
        bare.execute("BEGIN")
        bare.executemany("INSERT INTO log (payload) VALUES (?)", [(payload,)] * 50)
        bare.execute("COMMIT")

    return [Stage("journal, commit of 50 records", "50 records", commit, "bare insert of 50, FULL", insert)]


def daemon_figures() -> dict[str, float]:
    """Start-up time and memory of the daemon, with the shipped model at work."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder / "broker")
        broker.start()
        daemon = Daemon(folder, broker.port, None, (Path(__file__).parent / "path.toml").read_text())
        begun = time.monotonic()
        daemon.start()
        ready = time.monotonic() - begun
        assert daemon.process is not None
        time.sleep(1.0)
        idle = memory(daemon.process.pid, "VmRSS")
        machine = Machine(broker.port)
        rng = np.random.default_rng(4)
        for _ in range(150):
            machine.send(rng.normal(size=2560).astype("<f4").tobytes(), "plant/pump/vibration")
        machine.run(300)
        eventually(lambda: '"learned"' in _journal_text(daemon), within=20, what="learned")
        peak = memory(daemon.process.pid, "VmHWM")
        machine.close()
        daemon.stop()
        broker.stop()
    return {"ready_s": round(ready, 2), "idle_rss_mb": round(idle, 1), "peak_rss_mb": round(peak, 1)}


def _journal_text(daemon: Daemon) -> str:
    path = daemon.state / "journal.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
        rows = reader.execute("SELECT payload FROM log WHERE kind = 'event'").fetchall()
    return "".join(row[0] if isinstance(row[0], str) else row[0].decode() for row in rows)


def memory(pid: int, field: str) -> float:
    """MB of a field of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only", metavar="TEXT", default="", help="only stages that begin with this, and no daemon")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        stages = [*message_stages(), *telemetry_stages(), *window_stages(), *waveform_stages(),
                  *journal_stages(Path(folder))]
        stages = [stage for stage in stages if stage.name.startswith(options.only)]
        rows = measure(stages)
    parts = shares(stages, rows)
    figures = {} if options.only else daemon_figures()
    if options.json:
        print(json.dumps({"stages": [row._asdict() for row in rows], "shares": parts, "daemon": figures}))
        return 0
    print("| stage | per | us | bare | us | ratio |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.stage} | {row.per} | {row.us} | {row.bare} | {row.bare_us} | {row.ratio} |")
    for whole, percents in parts.items():
        told = ", ".join(f"{name.rpartition(': ')[2]} {percent} %" for name, percent in percents.items())
        print(f"\n{whole}\n  {told}")
    if figures:
        print(f"\nDaemon with the shipped model: subscribed {figures['ready_s']} s after its start, "
              f"{figures['idle_rss_mb']} MB idle, {figures['peak_rss_mb']} MB at the peak.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
