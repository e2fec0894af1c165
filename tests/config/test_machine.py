"""What is known of a machine arrives at the chain, and what cannot be is said with a remedy."""

from __future__ import annotations

import pytest

from agent.monitoring.assessment.zones import SHIPPED
from agent.monitoring.spec import BearingSpec, MachineSpec, ZonesSpec
from tests.config.conftest import DEVICE, PUMP, Load, Refused


def _machine(load_text: Load, lines: str) -> MachineSpec:
    (asset,) = load_text(DEVICE + PUMP + f"[assets.pump.machine]\n{lines}\n").asset_specs()
    return asset.machine


def test_nothing_is_known_of_a_machine_that_is_not_described(load_text: Load) -> None:
    (asset,) = load_text(DEVICE + PUMP).asset_specs()
    assert asset.machine == MachineSpec()


def test_bearings_are_described_by_name_geometry_or_frequencies(load_text: Load) -> None:
    machine = _machine(load_text, """
        speed = 1797
        speed_channel = "speed"
        bearings = [
            { name = 6205 },
            { name = "DE", elements = 9, ball = 7.94, pitch = 39.04, angle = 0 },
            { name = "NDE", bpfo = 3.05, bpfi = 4.95, bsf = 1.99, ftf = 0.382 },
        ]
    """)
    assert (machine.speed, machine.speed_channel) == (1797.0, "speed")
    known, built, given = machine.bearings
    assert (known.name, built.name) == ("6205", "DE")
    assert known.bpfo == pytest.approx(3.5848, abs=1e-3)
    assert built.bpfi == pytest.approx(known.bpfi, rel=1e-3)
    assert given == BearingSpec(name="NDE", bpfo=3.05, bpfi=4.95, bsf=1.99, ftf=0.382)


def test_zones_are_named_or_one_s_own(load_text: Load) -> None:
    assert _machine(load_text, 'zones = "group-2-rigid"').zones == SHIPPED["group-2-rigid"]
    own = _machine(load_text, 'zones = { boundaries = [1, 2, 3], band = [2, 1000], provenance = "the maker" }').zones
    assert own == ZonesSpec(name="own", boundaries=(1.0, 2.0, 3.0), band=(2.0, 1000.0), provenance="the maker")


FINDINGS = {
    "a speed channel that is not there": ('speed_channel = "rpm"', "speed_channel", "no channel", "pressure"),
    "a speed channel without a unit of speed": ('speed_channel = "pressure"', "speed_channel", "unit", "rpm"),
    "bearings without a speed": ('bearings = [{ name = "6205" }]', "speed", "shaft", "speed_channel"),
    "an unknown bearing": (
        'speed = 1\nbearings = [{ name = "6999" }]', "bearings[0].name", "no bearing of this name", "6205"),
    "half a geometry": ('speed = 1\nbearings = [{ name = "a", ball = 1 }]', "bearings[0].elements", "alone", "pitch"),
    "half the frequencies": ('speed = 1\nbearings = [{ name = "a", bpfo = 3 }]', "bearings[0].bpfi", "alone", "ftf"),
    "a ball larger than its circle": (
        'speed = 1\nbearings = [{ name = "a", elements = 9, ball = 9, pitch = 8 }]',
        "bearings[0].ball", "smaller", "one unit"),
    "a bearing described twice": (
        'speed = 1\nbearings = [{ name = "a", elements = 9, bpfo = 3 }]', "bearings[0]", "both", "one"),
    "frequencies in Hz": (
        'speed = 1\nbearings = [{ name = "a", bpfo = 107.4, bpfi = 162.2, bsf = 70.6, ftf = 11.9 }]',
        "bearings[0].bpfo", "269.6", "not Hz"),
    "races exchanged": (
        'speed = 1\nbearings = [{ name = "a", bpfo = 5.4, bpfi = 3.6, bsf = 2.4, ftf = 0.4 }]',
        "bearings[0].bpfo", "less often", "Exchange"),
    "one name twice": (
        'speed = 1\nbearings = [{ name = "6205" }, { name = "6205" }]', "bearings[1].name", "another", "where"),
    "unknown zones": ('zones = "group-9"', "zones", "no zones", "group-2-rigid"),
    "boundaries that do not ascend": ("zones = { boundaries = [3, 2, 1] }", "zones.boundaries", "ascend", "mm/s"),
    "a band upside down": (
        "zones = { boundaries = [1, 2, 3], band = [1000, 10] }", "zones.band", "lowest", "Hz"),
}


@pytest.mark.parametrize(("lines", "key", "message", "remedy"), FINDINGS.values(), ids=FINDINGS)
def test_what_does_not_fit_is_said_at_its_key_with_a_remedy(
    refused: Refused, lines: str, key: str, message: str, remedy: str
) -> None:
    (problem,) = refused(DEVICE + PUMP + f"[assets.pump.machine]\n{lines}\n")
    assert problem.key == f"assets.pump.machine.{key}"
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("lines", "key"),
    [("speed = 0", "speed"), ("bearings = [{ elements = 9 }]", "bearings[0].name"), ("zones = 3", "zones")],
)
def test_a_key_of_the_wrong_kind_is_said_at_its_place(refused: Refused, lines: str, key: str) -> None:
    assert f"assets.pump.machine.{key}" in {
        problem.key for problem in refused(DEVICE + PUMP + f"[assets.pump.machine]\n{lines}\n")}
