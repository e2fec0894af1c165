"""Hours of 200 messages a second while links are cut every minute: memory, descriptors and threads must stay flat."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators.demo.plots import Axis, Plot
from simulators.proxy import Proxy
from tests.broker import Broker
from tests.endurance.processes import Program, within

MACHINES: Final = 20
RATE: Final = 200
"""Messages a second, of all machines together."""
EVERY: Final = 5.0
"""s from sample to sample."""
WARM_UP: Final = 0.25
"""The share of the time in which pools and caches fill; not fitted."""
MOST_GROWTH: Final = 2048.0
"""KB an hour that the resident memory may grow, at the upper end of the slope's interval (95 %); a trial that fits
less than ``LONG_ENOUGH`` cannot tell a slope from noise, and may not grow by more than this in all."""
LONG_ENOUGH: Final = 0.3
"""h."""

_CONFIGURATION: Final = """
[device]
id = "test-1"
site = "lab"
state_dir = "{state}"

[sensors]
url = "mqtt://127.0.0.1:{sensors}"

[uplink]
url = "mqtt://127.0.0.1:{uplink}"
keepalive = 5
delivery = "receipt"

[journal]
budget_mb = 32

[summaries]
period = 60

[assets.pump]
id = "{{1}}"
topic = "plant/+/telemetry"
time = "/ts"
time_unit = "ms"
rate = {rate}
window = {{ seconds = 2, stride = 1 }}
learning = {{ samples = 100 }}

[assets.pump.channels]
pressure = {{ value = "/pressure", unit = "bar" }}
flow = {{ value = "/flow", unit = "l/min" }}
"""

_PAGE: Final = """<svg xmlns="http://www.w3.org/2000/svg" width="720" height="300" viewBox="0 0 720 300"
 font-family="sans-serif" font-size="12"><style>.line{{fill:none;stroke:#1565c0;stroke-width:1.5}}</style>{plot}</svg>
"""
_BARS: Final = "▁▂▃▄▅▆▇█"


class Sample(NamedTuple):
    """One look at the daemon: s since the beginning, KB, counts."""

    at: float
    rss: float
    descriptors: int
    threads: int


def main(arguments: list[str] | None = None) -> int:
    """The trial; 1 where something grows or the daemon dies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="(%(default)s)")
    parser.add_argument("--cut-every", type=float, default=60.0, help="s (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/soak.svg"), help="the plot (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="watchkeeper-soak-") as folder:
        found, samples = trial(Path(folder), options.minutes * 60.0, options.cut_every)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(drawing(samples))
    print("memory", sparkline([sample.rss for sample in samples]))
    print(json.dumps(found | {"plot": str(options.output)}))
    return int(not found["flat"])


def trial(folder: Path, seconds: float, cut_every: float, every: float = EVERY) -> tuple[dict[str, Any], list[Sample]]:
    """Run so long, cutting a link each ``cut_every`` s: by turns the uplink's by RST, the sensors', the uplink's by a
    blackhole."""
    sensors = Broker(folder / "sensors", persistence=False)
    upstream = Broker(folder / "upstream", persistence=False)
    with sensors, upstream, Proxy(("127.0.0.1", sensors.port)) as near, Proxy(("127.0.0.1", upstream.port)) as far:
        config = folder / "watchkeeper.toml"
        (folder / "state").mkdir()
        config.write_text(_CONFIGURATION.format(
            state=folder / "state", sensors=near.port, uplink=far.port, rate=RATE / MACHINES))
        daemon = Program(folder / "daemon.log", "run", "--config", str(config))
        collector = Program(folder / "collector.log", "collect", "--broker", f"mqtt://127.0.0.1:{upstream.port}",
                            "--to", f"sqlite:///{folder}/collected.db")
        collector.start()
        daemon.start()
        crowd = _Crowd(sensors.port)
        try:
            assert within(30, lambda: "sensor broker connected" in daemon.log()), daemon.log()
            crowd.start()
            samples, cuts = _watch(daemon, near, far, seconds, cut_every, every)
        finally:
            crowd.end()
            code = daemon.stop()
            collector.stop()
    return judged(samples, cuts=cuts, messages=crowd.sent, deaths=daemon.deaths, exit_code=code), samples


def _watch(  # noqa: PLR0913, PLR0917 -- what is watched, and what is done to it
    daemon: Program, near: Proxy, far: Proxy, seconds: float, cut_every: float, every: float
) -> tuple[list[Sample], int]:
    samples: list[Sample] = []
    begun = time.monotonic()
    cuts = 0
    restore_at = float("inf")
    while (passed := time.monotonic() - begun) < seconds:
        if passed >= (cuts + 1) * cut_every:
            (far.cut, near.cut, far.blackhole)[cuts % 3]()
            cuts += 1
            restore_at = passed + cut_every / 6
        if passed >= restore_at:
            near.restore()
            far.restore()
            restore_at = float("inf")
        daemon.look()
        samples.append(_look(daemon.pid, passed))
        time.sleep(every - (time.monotonic() - begun) % every)
    return samples, cuts


def _look(pid: int, at: float) -> Sample:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(at, float(status["VmRSS"].split()[0]), descriptors, int(status["Threads"]))


def judged(samples: list[Sample], *, cuts: int, messages: int, deaths: int, exit_code: int) -> dict[str, Any]:
    """Slopes by least squares after the warm-up, with their 95 % interval for the memory, and the verdict."""
    settled = samples[round(len(samples) * WARM_UP):]
    hours = np.array([sample.at for sample in settled]) / 3600.0
    slope, error = _slope(hours, np.array([sample.rss for sample in settled]))
    span = hours[-1] - hours[0]
    low, high = slope - 1.96 * error, slope + 1.96 * error
    descriptors = [sample.descriptors for sample in settled]
    threads = [sample.threads for sample in settled]
    half = len(settled) // 2
    growth = high if span >= LONG_ENOUGH else slope * span
    flat = (
        growth <= MOST_GROWTH
        and max(descriptors[half:]) <= max(descriptors[:half]) + 2
        and max(threads[half:]) <= max(threads[:half])
    )
    return {
        "seconds": round(samples[-1].at), "messages": messages, "cuts": cuts, "deaths": deaths, "exit": exit_code,
        "rss_kb": [round(settled[0].rss), round(settled[-1].rss)],
        "rss_slope_kb_per_hour": round(slope), "interval": [round(low), round(high)],
        "descriptors": [min(descriptors), max(descriptors)], "threads": [min(threads), max(threads)],
        "flat": bool(flat and deaths == 0 and exit_code == 0),
    }


def _slope(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Of the line through the points, and its standard error."""
    around = x - x.mean()
    spread = float(around @ around)
    slope = float(around @ y) / spread
    left = y - y.mean() - slope * around
    return slope, float(np.sqrt(left @ left / max(1, len(x) - 2) / spread))


def drawing(samples: list[Sample]) -> str:
    """The memory over time, as SVG."""
    rss = [sample.rss / 1024.0 for sample in samples]
    time_axis = Axis(0.0, samples[-1].at / 60.0 or 1.0, "time, min")
    memory_axis = Axis(0.0, max(rss) * 1.2, "resident memory, MB")
    plot = Plot(x=time_axis, y=memory_axis, title="Resident memory of the daemon")
    plot.line([(sample.at / 60.0, value) for sample, value in zip(samples, rss, strict=True)], "line")
    return _PAGE.format(plot=plot.svg())


def sparkline(values: list[float], width: int = 60) -> str:
    """The values as a line of bars, from zero."""
    step = max(1, len(values) // width)
    top = max(values)
    return "".join(_BARS[min(7, int(7.99 * value / top))] for value in values[::step]) + f" {top / 1024:.1f} MB"


class _Crowd(threading.Thread):
    """All machines' sensors on one connection, at their pace."""

    def __init__(self, port: int) -> None:
        super().__init__(name="crowd", daemon=True)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="crowd")
        self._client.connect("127.0.0.1", port)
        self._ending = threading.Event()
        self.sent = 0

    def run(self) -> None:
        self._client.loop_start()
        begun = time.monotonic()
        for topic, payload in _telemetry():
            ahead = self.sent / RATE - (time.monotonic() - begun)
            if self._ending.wait(max(0.0, ahead)):
                break
            self._client.publish(topic, payload, qos=1)
            self.sent += 1
        self._client.disconnect()
        self._client.loop_stop()

    def end(self) -> None:
        self._ending.set()
        if self.is_alive():
            self.join(10)


def _telemetry() -> Iterator[tuple[str, bytes]]:
    rng = random.Random(1)
    while True:
        for machine in range(MACHINES):
            document = {"ts": time.time_ns() // 1_000_000, "pressure": round(4.0 + rng.gauss(0.0, 0.02), 4),
                        "flow": round(30.0 + rng.gauss(0.0, 0.2), 4)}
            yield f"plant/pump-{machine}/telemetry", orjson.dumps(document)


if __name__ == "__main__":
    sys.exit(main())
