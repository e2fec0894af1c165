"""One measuring point is assessed as a whole: changes, candidates, zone."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import orjson
import pytest

from agent.monitoring.assessment.assessment import NOTHING, Assessment
from agent.monitoring.assessment.zones import SHIPPED
from agent.monitoring.spec import AssetSpec, ChannelSpec, MachineSpec
from tests.monitoring.assessment import machines

NAMES = ("rms", "kurtosis", "velocity_rms", *(f"octave_{edge}" for edge in (100, 200, 400, 800, 1600, 3200, 6400)))
NORMAL = np.array([0.2, 3.0, 1.2, *[-30.0] * 7])
ZONED = MachineSpec(zones=SHIPPED["group-2-rigid"])


def _learned(machine: MachineSpec = ZONED) -> Assessment:
    rng = np.random.default_rng(3)
    assessment = Assessment(NAMES, {"vibration": "g"}, "vibration", machine)
    for _ in range(100):
        assessment.learn(NORMAL * (1.0 + 0.02 * rng.normal(size=len(NORMAL))))
    assert assessment.complete()
    return assessment


def test_an_alarm_is_explained_with_changes_candidates_and_zone() -> None:
    ill = NORMAL + np.array([0.4, 12.0, 2.0, 2.0, 3.0, 3.0, 5.0, 12.0, 15.0, 14.0])
    explanation = _learned().explain(ill)
    assert explanation.changes
    assert explanation.candidates[0].fault == "bearing"
    assert explanation.zone is not None
    assert explanation.zone.letter == "C"


def test_before_it_has_learned_only_the_zone_is_told() -> None:
    assessment = Assessment(NAMES, {"vibration": "g"}, "vibration", ZONED)
    explanation = assessment.explain(NORMAL)
    assert (explanation.changes, explanation.candidates) == ((), ())
    assert explanation.zone is not None
    assert explanation.zone.letter == "A"


def test_without_zones_or_velocity_there_is_no_verdict() -> None:
    assert _learned(MachineSpec()).explain(NORMAL) == NOTHING
    assert Assessment(("rms",), {"vibration": "mm/s"}, "vibration", ZONED).explain(np.array([3.0])).zone is None


def test_a_velocity_that_could_not_be_resolved_gives_no_verdict() -> None:
    unresolved = NORMAL.copy()
    unresolved[NAMES.index("velocity_rms")] = np.nan
    assert _learned().explain(unresolved).zone is None


def test_the_document_is_what_a_record_can_hold() -> None:
    ill = NORMAL + np.array([0.4, 12.0, 2.0, 2.0, 3.0, 3.0, 5.0, 12.0, 15.0, 14.0])
    document = orjson.loads(orjson.dumps(_learned().explain(ill).document()))
    assert document["changes"][0]["text"]
    assert document["candidates"][0]["likelihood"] in {"likely", "possible", "conceivable"}
    assert "ISO 10816-3" in document["zone"]["provenance"]
    assert orjson.loads(orjson.dumps(NOTHING.document())) == {"changes": [], "candidates": [], "zone": None}


def test_an_asset_s_points_are_assessed_by_their_own_channels() -> None:
    channels = (
        ChannelSpec(name="pressure", topic="", unit="bar"),
        ChannelSpec(name="speed", topic="", unit="rpm", role="operating"),
    )
    asset = AssetSpec(id="pump", profile="process", channels=channels)
    names = ("pressure.mean", "speed.mean", "pressure.std", "speed.std")
    assessment = Assessment.of(asset, names, None)
    rng = np.random.default_rng(5)
    for speed in rng.uniform(1000, 1500, size=100):
        assessment.learn(np.array([3e-6 * speed**2, speed, 0.01, 1.0]))
    assert assessment.complete()
    # less pressure at less speed is no change
    assert not [change for change in assessment.explain(np.array([3.63, 1100.0, 0.01, 1.0])).changes
                if change.feature == "pressure.mean"]


def test_what_was_learned_survives_a_restart() -> None:
    ill = NORMAL + np.array([0.4, 12.0, 2.0, 2.0, 3.0, 3.0, 5.0, 12.0, 15.0, 14.0])
    before = _learned()
    after = Assessment(NAMES, {"vibration": "g"}, "vibration", ZONED)
    after.restore(orjson.loads(orjson.dumps(before.to_json())))
    assert after.learned
    assert after.explain(ill) == before.explain(ill)


def test_what_was_learned_of_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="other features"):
        Assessment(("rms",), {"vibration": "g"}, "vibration", ZONED).restore(_learned().to_json())


def test_commissioning_that_begins_anew_forgets_what_was_taken_in() -> None:
    assessment = _learned()
    for _ in range(20):
        assessment.learn(10.0 * NORMAL)
    assessment.forget()
    assert not assessment.complete()
    assert assessment.explain(NORMAL).changes == ()


def test_an_explanation_takes_a_few_milliseconds_at_most() -> None:
    explained = []
    for _ in range(5):
        assessment = machines.assessment()
        assessment.restore(machines.learned(1).to_json())
        features = np.ones(len(machines.names()))
        start = perf_counter()
        assessment.explain(features)
        explained.append(perf_counter() - start)
    assert min(explained) < 0.02
