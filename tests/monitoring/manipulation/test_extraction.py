"""Extraction: from blocks to feature vectors, and no more of telemetry than is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agent.monitoring.manipulation.extraction import Extraction, FeatureVector, WaveformExtraction, build
from agent.monitoring.spec import (
    AssetSpec,
    BearingSpec,
    ChannelSpec,
    LimitSpec,
    MachineSpec,
    RunningSpec,
    WindowSpec,
)
from agent.monitoring.types import SECOND, Block, Quality

CHANNELS = (ChannelSpec(name="flow", topic="t", rate=1.0), ChannelSpec(name="speed", topic="t", rate=1.0))


def extraction(*others: str, channels: tuple[ChannelSpec, ...] = CHANNELS, **asset: Any) -> Extraction:
    window = asset.pop("window", WindowSpec(seconds=4, stride=1))
    return build(AssetSpec(id="pump", profile="process", channels=channels, window=window, **asset), channels, others)


def fed(taken: Extraction, rows: Sequence[tuple[float, ...]]) -> list[FeatureVector]:
    """One row of all channels a second; None of a channel where it is NaN."""
    return [
        vector
        for second, row in enumerate(rows)
        for number, value in enumerate(row)
        if not np.isnan(value)
        for vector in taken.add(number, Block("pump", "", second * SECOND, np.array([value])), Quality.GOOD)
    ]


def test_mean_and_std_are_all_that_is_computed_where_nobody_asks_for_more() -> None:
    assert extraction().names == ("flow.mean", "speed.mean", "flow.std", "speed.std")


@pytest.mark.parametrize(
    ("asset", "others", "statistics"),
    [
        ({"features": ("rms", "mean")}, (), {"mean", "std", "rms"}),
        ({"limits": (LimitSpec(feature="flow.max", alarm=1.0),)}, (), {"mean", "std", "max"}),
        ({"running": RunningSpec(channel="speed", above=1.0)}, (), {"mean", "std", "min", "max"}),
        ({"channels": (CHANNELS[0], ChannelSpec(name="speed", topic="t", role="operating"))}, (),
         {"mean", "std", "min", "max"}),
        ({}, ("slope",), {"mean", "std", "slope"}),
        ({"limits": (LimitSpec(feature="flow.model_error", alarm=1.0),)}, (), {"mean", "std"}),
    ],
)  # fmt: skip
def test_what_somebody_reads_is_computed(asset: dict[str, Any], others: tuple[str, ...], statistics: set[str]) -> None:
    names = extraction(*others, **asset).names
    assert {name.rpartition(".")[2] for name in names} == statistics
    assert len(names) == 2 * len(statistics)


def test_windows_are_held_back_until_one_is_full() -> None:
    vectors = fed(extraction(), [(float(t), 2.0 * t) for t in range(6)])
    assert [(v.start // SECOND, v.end // SECOND) for v in vectors] == [(0, 4), (1, 5), (2, 6)]
    np.testing.assert_allclose(vectors[0].values, [1.5, 3.0, np.sqrt(1.25), np.sqrt(5.0)])


def test_every_statistic_is_in_its_place() -> None:
    asked = ("mean", "std", "min", "max", "rms", "slope")
    taken = extraction(features=asked)
    assert taken.names == tuple(f"{channel}.{name}" for name in asked for channel in ("flow", "speed"))
    vector = fed(taken, [(1.0, 8.0), (3.0, 6.0), (5.0, 4.0), (7.0, 2.0)])[-1]
    spread = 5.0**0.5
    expected = [4, 5, spread, spread, 1, 2, 7, 8, 21.0**0.5, 30.0**0.5, 2, -2]
    np.testing.assert_allclose(vector.values, expected, rtol=1e-12)


def test_a_channel_that_has_fallen_silent_gives_nan_and_the_others_go_on() -> None:
    taken = extraction(features=("mean", "min", "max", "rms", "slope"), lateness=0.0)
    vector = fed(taken, [(1.0, 5.0), *((2.0, np.nan) for _ in range(6))])[-1]
    values = dict(zip(taken.names, vector.values.tolist(), strict=True))
    assert all(np.isnan(value) == name.startswith("speed.") for name, value in values.items())
    assert values["flow.mean"] == 2.0


def test_a_window_less_than_half_filled_is_not_to_be_judged() -> None:
    taken = extraction(channels=CHANNELS[:1], lateness=0.0)
    rows = [(1.0,)] * 5 + [(np.nan,)] * 6 + [(1.0,)] * 3
    assert [v.judgeable for v in fed(taken, rows)][-3:] == [False, True, True]


def test_windows_by_count_have_the_same_statistics() -> None:
    taken = extraction(channels=CHANNELS[:1], window=WindowSpec(count=4), features=("max", "slope"))
    assert taken.names == ("mean", "std", "max", "slope")
    (vector,) = fed(taken, [(1.0,), (3.0,), (5.0,), (7.0,)])
    np.testing.assert_allclose(vector.values, [4.0, np.sqrt(5.0), 7.0, 2.0])


def test_the_slope_of_a_block_that_is_a_window_is_that_of_its_samples_one_by_one() -> None:
    whole, singly = (
        extraction(channels=CHANNELS[:1], window=WindowSpec(count=4), features=("slope",)) for _ in range(2)
    )
    values = [1.0, 2.0, 4.0, 5.0]
    (one,) = fed(singly, [(value,) for value in values])
    (other,) = whole.add(0, Block("pump", "flow", 0, np.array(values), 1.0), Quality.GOOD)
    assert one.values.tobytes() == other.values.tobytes()
    assert (one.start, one.end) == (other.start, other.end)


MACHINE = MachineSpec(speed=1800.0, bearings=(BearingSpec(name="DE", bpfo=3.585, bpfi=5.415, bsf=2.357, ftf=0.3983),))
VIBRATION = ChannelSpec(name="vibration", topic="t", unit="g", rate=25_600.0)


def waveform(machine: MachineSpec = MACHINE) -> WaveformExtraction:
    asset = AssetSpec(id="fan", profile="waveform", channels=(VIBRATION,), machine=machine)
    taken = build(asset, (VIBRATION,), ("velocity", "orders", "bearing"))
    assert isinstance(taken, WaveformExtraction)
    return taken


def told(taken: WaveformExtraction, frequency: float = 30.0, samples: int = 12_800) -> dict[str, float]:
    """The features of a record of 1 g at this frequency, in noise."""
    values = np.sin(2 * np.pi * frequency * np.arange(samples) / 25_600.0)
    values += 0.1 * np.random.default_rng(1).normal(size=samples)
    (vector,) = taken.add(0, Block("fan", "vibration", 0, values, 25_600.0), Quality.GOOD)
    return dict(zip(taken.names, vector.values.tolist(), strict=True))


def test_a_waveform_is_told_its_unit_and_the_nominal_speed_of_its_machine() -> None:
    taken = waveform()
    assert taken.speed == 30.0
    found = told(taken)
    assert found["velocity_rms"] == pytest.approx(9806.65 / (2 * np.pi * 30.0) / np.sqrt(2.0), rel=0.02)
    assert found["order_1x"] == pytest.approx(1.0, rel=0.02)
    assert taken.frequencies["DE.bpfo"] == pytest.approx(3.585 * 30.0, rel=0.021)


def test_a_waveform_follows_the_speed_that_it_is_told() -> None:
    taken = waveform()
    taken.speed = 45.0
    assert told(taken, 45.0)["order_1x"] == pytest.approx(1.0, rel=0.02)
    assert taken.frequencies["DE.bpfo"] == pytest.approx(3.585 * 45.0, rel=0.021)


def test_until_a_speed_channel_has_spoken_nothing_of_the_shaft_is_told() -> None:
    taken = waveform(replace(MACHINE, speed_channel="speed"))
    assert taken.speed is None
    found = told(taken)
    assert np.isnan([value for name, value in found.items() if name != "velocity_rms"]).all()
    assert taken.frequencies == {}
    taken.speed = 30.0
    assert told(taken)["order_1x"] == pytest.approx(1.0, rel=0.02)


def test_records_of_another_length_have_the_same_features() -> None:
    taken = waveform()
    assert told(taken, samples=12_800)["order_1x"] == pytest.approx(told(taken, samples=25_600)["order_1x"], rel=0.02)
