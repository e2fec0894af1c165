"""Diagnosis finds the fault of simulated machines first, says why, and says what it cannot know."""

from __future__ import annotations

import pytest

from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.diagnosis import Candidate, diagnose
from agent.monitoring.assessment.evidence import Context
from agent.monitoring.assessment.faults import NAMES, RULES
from agent.monitoring.assessment.quantity import quantity
from simulators.faults import MachineFaultKind
from tests.monitoring.assessment import machines

VIBRATION = {"vibration": "g"}
PUMP = {"pressure": "bar", "flow": "l/min", "current": "A", "vibration": "mm/s", "temperature": "degC", "power": "kW"}
WAVEFORM = Context({"vibration": "vibration"}, speed_known=True, bearings=("DE",))


def _change(feature: str, value: float, normal: float, amount: float, significance: float = 20.0) -> Change:
    known = quantity(feature, "vibration", VIBRATION) if "." not in feature or "DE" in feature else None
    known = known or quantity(feature, None, PUMP)
    assert known is not None
    return Change(known.channel, feature, value, normal, amount, known.unit, significance, known.measure, known.words)


def _decibels(**rises: float) -> list[Change]:
    """Changes of a waveform point: octaves, lines and amplitudes by their rise in dB."""
    changes = []
    for name, rise in rises.items():
        feature = name.replace("DE_", "DE.").replace("order_half", "order_0.5x")
        changes.append(_change(feature, 10 ** (rise / 20), 1.0, rise, 2.0 * rise))
    return changes


OCTAVES = {f"octave_{edge}": 0.0 for edge in (100, 200, 400, 800, 1600, 3200, 6400)}
QUIET = {**OCTAVES, "rms": 0.0, "crest": 0.0, "order_1x": 0.0, "order_2x": 0.0, "order_3x": 0.0,
         "DE_bpfo": 0.0, "DE_bpfi": 0.0, "DE_bsf": 0.0, "DE_ftf": 0.0}
HIGH = {"octave_1600": 10.0, "octave_3200": 12.0, "octave_6400": 9.0}


def _first(candidates: tuple[Candidate, ...]) -> str:
    return candidates[0].fault if candidates else "none"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "fault"),
    [("outer-race", "bearing"), ("imbalance", "imbalance"), ("cavitation", "cavitation"),
     ("blocked-suction", "blocked-suction"), ("impeller-wear", "impeller-wear"), ("seal-leak", "seal-leak")],
)
def test_the_fault_of_a_pump_is_the_first_candidate(kind: MachineFaultKind, fault: str, seed: int) -> None:
    assert _first(machines.pump(kind, seed).candidates) == fault


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "fault"),
    [("outer-race", "outer-race"), ("inner-race", "inner-race"), ("ball", "rolling-element"),
     ("imbalance", "imbalance"), ("cavitation", "cavitation")],
)
def test_the_fault_of_a_bearing_whose_lines_are_known_is_the_first_candidate(
    kind: MachineFaultKind, fault: str, seed: int
) -> None:
    assert _first(machines.bearing(seed).explain(kind, 0.7).candidates) == fault


def test_a_pump_that_gives_less_is_told_with_what_would_tell_wear_from_a_strainer() -> None:
    best = machines.pump("blocked-suction", 1).candidates[0]
    assert any("flow" in text and "below its normal" in text for text in best.evidence_for)
    assert any("suction pressure" in text for text in best.missing)


def test_normal_features_lead_to_no_candidate() -> None:
    assert diagnose(_decibels(**QUIET), WAVEFORM) == ()
    assert diagnose([], WAVEFORM) == ()


@pytest.mark.parametrize(
    ("rises", "fault"),
    [
        ({**HIGH, "crest": 6.0, "DE_bpfo": 12.0, "DE_bpfi": 5.0}, "outer-race"),
        ({**HIGH, "crest": 6.0, "DE_bpfi": 12.0, "DE_ftf": 4.0}, "inner-race"),
        ({**HIGH, "crest": 3.0, "DE_bsf": 11.0, "DE_ftf": 5.0}, "rolling-element"),
        ({"DE_ftf": 12.0}, "cage"),
        ({"order_1x": 12.0, "rms": 8.0}, "imbalance"),
        ({"order_2x": 12.0, "order_1x": 4.0, "rms": 6.0}, "misalignment"),
        ({"order_1x": 6.0, "order_2x": 9.0, "order_3x": 12.0, "order_half": 10.0}, "looseness"),
        (HIGH, "lubrication"),
        (dict.fromkeys(OCTAVES, 10.0), "cavitation"),
    ],
)
def test_a_textbook_spectrum_leads_to_its_fault(rises: dict[str, float], fault: str) -> None:
    assert _first(diagnose(_decibels(**(QUIET | rises)), WAVEFORM)) == fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"pressure": (4.0, 3.0), "flow": (60.0, 100.0), "current": (5.0, 6.0)}, "blocked-discharge"),
        ({"pressure": (3.0, 3.0), "flow": (112.0, 100.0), "current": (7.2, 6.0), "temperature": (70.0, 60.0)},
         "overload"),
        ({"pressure": (3.0, 3.0), "flow": (100.0, 100.0), "current": (7.2, 6.0)}, "electrical"),
        ({"pressure": (2.0, 3.0), "flow": (100.0, 100.0), "power": (6.0, 6.0), "current": (6.0, 6.0)}, "sensor"),
    ],
)
def test_a_textbook_change_of_process_values_leads_to_its_fault(
    changes: dict[str, tuple[float, float]], fault: str
) -> None:
    told = [
        _change(f"{name}.mean", value, normal, value - normal, 200.0 * (value - normal) / normal)
        for name, (value, normal) in ({"vibration": (1.0, 1.0), "temperature": (60.0, 60.0)} | changes).items()
    ]
    kinds = Context.of({name: PUMP[name] for name in [*changes, "vibration", "temperature"]}, machines.NO_MACHINE).kinds
    assert fault in [candidate.fault for candidate in diagnose(told, Context(kinds))[:2]]


def test_evidence_is_told_for_and_against() -> None:
    changes = _decibels(**(QUIET | HIGH | {"DE_bpfo": 12.0, "order_1x": 12.0}))
    best = diagnose(changes, WAVEFORM)[0]
    assert best.fault == "outer-race"
    assert "outer-race frequency of DE +12.0 dB over baseline" in best.evidence_for
    assert any("shaft speed" in text for text in best.evidence_against)


def test_without_bearings_and_speed_it_says_what_to_add() -> None:
    rises = OCTAVES | HIGH | {"rms": 6.0, "crest": 8.0}
    best = diagnose(_decibels(**rises), Context({"vibration": "vibration"}))[0]
    assert best.fault == "bearing"
    assert "a bearing frequency cannot be told: add machine.bearings" in best.missing
    assert any("machine.speed" in text for text in best.missing)


def test_what_is_not_measured_makes_nobody_surer() -> None:
    known = diagnose(_decibels(**(QUIET | {"order_1x": 12.0, "rms": 8.0})), WAVEFORM)[0]
    blind = diagnose(_decibels(order_1x=12.0), WAVEFORM)[0]
    assert known.fault == blind.fault == "imbalance"
    assert known.score > blind.score


def test_scores_are_between_0_and_1_and_likelihood_follows_them() -> None:
    found = [candidate for kind in ("cavitation", "seal-leak") for candidate in machines.pump(kind, 1).candidates]
    assert found
    words = {"likely": 3, "possible": 2, "conceivable": 1}
    ranked = sorted(found, key=lambda candidate: candidate.score)
    assert [words[candidate.likelihood] for candidate in ranked] == sorted(words[c.likelihood] for c in ranked)
    assert all(0.0 < candidate.score <= 1.0 for candidate in found)


def test_every_rule_can_be_met_by_what_it_needs() -> None:
    for rule in RULES:
        terms = {term.sign for term in rule.terms}
        assert set(rule.needs) <= terms, rule.fault
        assert len(terms) == len(rule.terms), rule.fault
    assert {rule.fault for rule in RULES} == set(NAMES)
