"""What to check for each fault, and how much of a hurry it is: a table of sentences, no code.

Checks are ordered by cost: what a technician can do at the machine first. Where a sentence rests on more
than common practice it names its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from agent.monitoring.assessment.faults import Fault


class Action(NamedTuple):
    """``check``: the next thing to look at. ``urgency``: what it means for running on."""

    check: str
    urgency: str


_BEARING: Final = (
    "Listen at the bearing housing, feel its temperature, check the grease, and take an envelope spectrum at the"
    " nearest point"
)
_WEEKS: Final = (
    "A first spall usually leaves weeks: order the bearing and plan its change; do not stop the machine for this"
    " alone. If levels double within days, stop sooner"
)

ACTIONS: Final[Mapping[Fault, Action]] = {
    "outer-race": Action(f"{_BEARING}; look for a heavy or distorted seat in the housing.", f"{_WEEKS}."),
    "inner-race": Action(f"{_BEARING}; check the fit on the shaft.", f"{_WEEKS}; inner races tend to go faster."),
    "rolling-element": Action(f"{_BEARING}.", f"{_WEEKS}."),
    "cage": Action(
        f"{_BEARING}; look for lack of grease and for dirt.",
        "A broken cage can jam the bearing without more warning: plan the change soon, and look at it daily.",
    ),
    "bearing": Action(f"{_BEARING}; then decide which bearing it is.", f"{_WEEKS}."),
    "imbalance": Action(
        "Look for deposits on, or a piece missing from, the rotor or fan, and for loose balance weights; compare"
        " horizontal and vertical: imbalance shows in both, a quarter of a turn apart (ISO 13373-2).",
        "It wears bearings rather than breaking the machine: clean or balance at the next stop, sooner in zone C"
        " or D.",
    ),
    "misalignment": Action(
        "Check the coupling's alignment and its elements, pipe strain and soft foot; misalignment also shows along"
        " the shaft (ISO 13373-2).",
        "Align at the next stop; until then watch the bearings' temperature.",
    ),
    "looseness": Action(
        "Check the foundation bolts, feet and bearing seats with a hand on the housing and a wrench.",
        "Tighten at the next stop; bolts that move break.",
    ),
    "lubrication": Action(
        "Check when the bearing was last greased, and with what; grease it in small amounts while listening: if the"
        " level falls and stays down, that was it.",
        "No stop is needed; look again within a day of greasing.",
    ),
    "cavitation": Action(
        "Read the suction pressure, listen for gravel in the casing, check the strainer, the suction valve, the"
        " tank's level and the liquid's temperature.",
        "It eats the impeller: relieve it within the shift, by more suction pressure or less flow.",
    ),
    "blocked-suction": Action(
        "Check the strainer and the suction valve; read the suction pressure.",
        "Do it within the shift: a pump that runs dry loses its seal.",
    ),
    "impeller-wear": Action(
        "Compare the head at closed discharge with the pump's curve; check the wear ring clearance at the next"
        " opening.",
        "There is no hurry while the process gets enough; plan the overhaul.",
    ),
    "seal-leak": Action(
        "Walk the line: look at the seal, flanges, drains and relief valves, and for a valve that was opened.",
        "At once if the liquid is hot or harmful, else within the shift.",
    ),
    "blocked-discharge": Action(
        "Check the valves, filters and non-return valve after the pump.",
        "Soon: a pump against a closed valve heats up within minutes.",
    ),
    "overload": Action(
        "Check what the machine is asked to do, then what holds it: a rubbing part, a tight packing, a thick"
        " product.",
        "Stay below the motor's rated current; stop if its temperature goes on rising.",
    ),
    "electrical": Action(
        "Have an electrician measure the three currents and voltages: they should agree within some percent.",
        "Before the next long run; at once if one phase is missing.",
    ),
    "sensor": Action(
        "Compare the reading with a hand gauge; check the sensor's cable and connector.",
        "The machine itself shows no other sign: do not stop it for this.",
    ),
}

UNKNOWN: Final = Action(
    "Compare with what was done to the machine and the process at that time; look, listen and feel at the machine.",
    "What is known fits no fault that we can name: watch whether it goes on.",
)
