"""What a trial counts: alarms where nothing was wrong, faults alarmed, sensors called sensors.

An alarm is right about the machine from the beginning of a fault until its aftermath is over. One that
begins while only a sensor is wrong is a false alarm of the machine like any other, and is told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import exp
from typing import Any, Final, NamedTuple

from agent.monitoring.detection.tail import MONTH
from agent.monitoring.types import SECOND, Record
from simulators.faults import SensorFault
from tests.bench.simulated_life import DAY, HOUR, Life

_AFTERMATH: Final = 2 * HOUR
"""The score holds on to the last windows of a fault, and a bearing cools for half an hour."""
_MACHINE: Final = frozenset({"machine", "limit"})
_SENSOR: Final = frozenset({"sensor", "communication"})
_UNJUDGED: Final = frozenset({"speed", "load", "temperature"})


class Interval(NamedTuple):
    """Of the mean of a Poisson count."""

    low: float
    high: float


def poisson_interval(count: int, confidence: float = 0.95) -> Interval:
    """The exact interval for the mean of which ``count`` was seen (Garwood, Biometrika 28, 1936)."""
    tail = (1.0 - confidence) / 2

    def at_most(mean: float, seen: int) -> float:
        term = total = exp(-mean)
        for number in range(1, seen + 1):
            term *= mean / number
            total += term
        return total

    low = 0.0 if count == 0 else _solve(lambda mean: tail - (1.0 - at_most(mean, count - 1)), count)
    return Interval(low, _solve(lambda mean: at_most(mean, count) - tail, count))


def _solve(falling: Callable[[float], float], count: int) -> float:
    """Where a falling function of the mean is 0."""
    low, high = 0.0, 10.0 + 3.0 * count
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0.0 else (low, middle)
    return low


def undecidable(fault: SensorFault) -> bool:
    """Whether the sensor's fault looks like one of the machine by all that is measured, so that a
    machine alarm is the right answer: a vibration that alone creeps up; an operating variable that
    creeps, and the machine does not follow. A temperature is not scored: nothing says what it should be."""
    if fault.kind != "drift":
        return False
    return fault.channel in _UNJUDGED or (fault.channel == "vibration" and (fault.size or 0.0) > 0.0)


@dataclass(slots=True)
class Verdict:
    """Of one machine. ``false_alarms``, ``faults``, ``sensors``, ``false_sensor_alarms``: rows to be
    printed; ``answers``: alarms of the machine that are the right answer to a fault of a sensor, see
    ``undecidable``. ``months``: time in which an alarm of the machine would be false, of all its assets."""

    number: int
    life: Life
    months: float = 0.0
    false_alarms: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    sensors: list[dict[str, Any]] = field(default_factory=list)
    false_sensor_alarms: list[dict[str, Any]] = field(default_factory=list)


def verdict(number: int, life: Life, records: Iterable[Record], note: Callable[[Record], None]) -> Verdict:
    """Follow a machine's records to their end; ``note`` is called with what is not a mere summary."""
    found = Verdict(number, life)
    raised: list[tuple[float, Record, dict[str, Any]]] = []
    latest: dict[str, dict[str, Any]] = {}
    origin = life.scenario.origin
    for record in records:
        if record.kind == "window":
            latest[record.asset] = record.body  # type: ignore[assignment]  # made as a dict
            continue
        note(record)
        # after a severity has risen it is told again, and may be the answer to what has come on top
        if record.kind == "alarm" and record.body["transition"] in {"raised", "worsened"}:
            raised.append(((record.time - origin) / SECOND, record, latest.get(record.asset, {})))
    _judge_faults(found, raised)
    _judge_sensors(found, raised)
    _judge_silence(found, raised)
    return found


def _judge_faults(found: Verdict, raised: list[tuple[float, Record, dict[str, Any]]]) -> None:
    for fault in found.life.scenario.faults:
        hits = [(at, record) for at, record, _ in raised
                if record.body["concerns"] in _MACHINE and fault.start < at <= fault.end]
        row: dict[str, Any] = {"machine": found.number, "kind": fault.kind, "day": round(fault.start / DAY, 2),
                               "severity": round(fault.severity, 2), "growth_h": round(fault.growth / HOUR, 2),
                               "alarmed": bool(hits)}
        if hits:
            at, record = hits[0]
            row |= {"delay_h": round((at - fault.start) / HOUR, 3), "severity_then": round(fault.at(at - 1.0), 2),
                    "asset": record.asset}
        found.faults.append(row)


def _judge_sensors(found: Verdict, raised: list[tuple[float, Record, dict[str, Any]]]) -> None:
    for fault in found.life.scenario.sensor_faults:
        during = [(at, record) for at, record, _ in raised if fault.start < at <= fault.end + HOUR]
        calls = [(at, record) for at, record in during
                 if record.body["concerns"] in _SENSOR and _names(record, fault.channel)]
        row: dict[str, Any] = {
            "machine": found.number, "kind": fault.kind, "channel": fault.channel,
            "day": round(fault.start / DAY, 2), "size": round(fault.size or 0.0, 3), "called": bool(calls),
            "undecidable": undecidable(fault),
            "machine_alarms": sum(record.body["concerns"] in _MACHINE and record.body["transition"] == "raised"
                                  for _, record in during),
        }
        if calls:
            row |= {"delay_h": round((calls[0][0] - fault.start) / HOUR, 3), "as": calls[0][1].body["alarm"]}
        found.sensors.append(row)


def _names(record: Record, channel: str) -> bool:
    return record.body.get("channel") == channel or channel in str(record.body["alarm"]).split()


def _judge_silence(found: Verdict, raised: list[tuple[float, Record, dict[str, Any]]]) -> None:
    """What was alarmed without a reason, and how long that could have happened."""
    scenario = found.life.scenario
    faulty = sum(min(fault.end + _AFTERMATH, scenario.duration) - fault.start for fault in scenario.faults)
    assets = 2 if found.life.with_bearing else 1
    found.months = assets * (scenario.duration - faulty) / MONTH
    for at, record, summary in raised:
        if record.asset == "" or record.body["transition"] != "raised":
            continue
        ill = any(fault.start < at <= fault.end + _AFTERMATH for fault in scenario.faults)
        wrong = [fault for fault in scenario.sensor_faults if fault.start < at <= fault.end + HOUR]
        row = _why(found, at, record, summary, wrong)
        if record.body["concerns"] in _MACHINE and not ill:
            answered = any(undecidable(fault) for fault in wrong)
            (found.answers if answered else found.false_alarms).append(row)
        elif record.body["concerns"] in _SENSOR and not any(_names(record, fault.channel) for fault in wrong):
            found.false_sensor_alarms.append(row | {"during_fault": ill})


def _why(
    found: Verdict, at: float, record: Record, summary: dict[str, Any], wrong: list[SensorFault]
) -> dict[str, Any]:
    """All that explains an alarm to whoever looks for its cause."""
    operation = found.life.scenario.operation(at)
    body = record.body
    features = body.get("features") or summary.get("features") or {}
    return {
        "machine": found.number, "seed": found.life.scenario.seed, "asset": record.asset, "day": round(at / DAY, 4),
        "alarm": body["alarm"], "fault": body.get("fault"),
        "sensor_wrong": [f"{fault.channel} {fault.kind}" for fault in wrong],
        "score": body.get("score"), "threshold": body.get("threshold"), "contributors": body.get("contributors"),
        "regime_before": summary.get("regime"), "state_before": summary.get("state"),
        "since_operation_s": round(at - operation.start), "speed": round(operation.speed, 3),
        "valve": round(operation.valve, 3),
        "features": {name: round(value, 4) for name, value in features.items() if name.endswith((".mean", "rms"))},
        "why": [change["text"] for change in body.get("changes", ())][:2],
    }
