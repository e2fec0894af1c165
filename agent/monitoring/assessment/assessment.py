"""Assessment of one measuring point: what changed, what that may be, and how severe by the standard's zones.

::

    features --> Reference --> changes --> signs --> candidate faults
                    '--------> velocity rms ------> zone
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.monitoring.assessment.change import Change
from agent.monitoring.assessment.diagnosis import Candidate, diagnose
from agent.monitoring.assessment.evidence import Context
from agent.monitoring.assessment.reference import Reference
from agent.monitoring.assessment.zones import Zone, verdict
from agent.monitoring.spec import AssetSpec, MachineSpec

MOST_CHANGES: Final = 6
_VELOCITY: Final = "velocity_rms"
_VELOCITY_BAND: Final = (10.0, 1000.0)
"""Hz: what ``velocity_rms`` is taken over; where a record cannot resolve it, it is NaN."""


class Explanation(NamedTuple):
    """``changes``: the significant ones, the strongest first; ``candidates``: the best first; ``zone``: None
    where no verdict can be given."""

    changes: tuple[Change, ...]
    candidates: tuple[Candidate, ...]
    zone: Zone | None

    def document(self) -> dict[str, Any]:
        """As an alarm record holds it (what orjson writes)."""
        return {
            "changes": [
                {"channel": change.channel, "feature": change.feature, "value": change.value,
                 "normal": change.normal, "unit": change.unit, "amount": change.amount,
                 "significance": change.significance, "text": change.text()}
                for change in self.changes
            ],
            "candidates": [candidate.document() for candidate in self.candidates],
            "zone": None if self.zone is None else {
                "letter": self.zone.letter, "velocity": self.zone.velocity, "name": self.zone.zones.name,
                "text": self.zone.text(), "provenance": self.zone.zones.provenance},
        }


NOTHING: Final = Explanation((), (), None)


class Assessment:
    """``names``: of the point's feature vector; ``units``: of its channels by name; ``channel``: the point's
    where it has but one; ``operating``: the features that say what the machine is asked to do."""

    def __init__(
        self,
        names: Sequence[str],
        units: Mapping[str, str],
        channel: str | None,
        machine: MachineSpec,
        operating: Sequence[str] = (),
    ) -> None:
        self._reference = Reference(names, units, channel, operating)
        self._context = Context.of(units, machine)
        self._zones = machine.zones
        self._velocity = names.index(_VELOCITY) if _VELOCITY in names else None

    @classmethod
    def of(cls, asset: AssetSpec, names: Sequence[str], channel: str | None) -> Assessment:
        """For a measuring point of the asset: of one ``channel``, or (None) of all its channels."""
        channels = [spec for spec in asset.channels if channel in {None, spec.name}]
        operating = [f"{spec.name}.mean" for spec in channels if spec.role == "operating"]
        return cls(names, {spec.name: spec.unit for spec in channels}, channel, asset.machine, operating)

    @property
    def learned(self) -> bool:
        """Whether it can explain."""
        return self._reference.learned

    def learn(self, features: NDArray[np.float64]) -> None:
        """Take in one window of commissioning, shape (features,)."""
        self._reference.learn(features)

    def forget(self) -> None:
        """Commissioning begins anew: leave out what was taken in."""
        self._reference.forget()

    def complete(self) -> bool:
        """Fit to what was taken in; False where that is too little."""
        return self._reference.complete()

    def explain(
        self, features: NDArray[np.float64], frequencies: Mapping[str, float] | None = None
    ) -> Explanation:
        """Why the point is not normal. ``features``: the window, shape (features,), or the latest few, shape
        (windows, features), whose medians are steadier. ``frequencies``: Hz at which lines were found, by
        feature. Without a learned reference only the zone is told."""
        changes = self._reference.all_changes(features, frequencies)
        told = tuple(self._reference.ranked(changes, MOST_CHANGES))
        return Explanation(told, diagnose(changes, self._context), self._zone(features))

    def _zone(self, features: NDArray[np.float64]) -> Zone | None:
        if self._velocity is None:
            return None
        velocity = float(np.median(np.atleast_2d(features)[:, self._velocity]))
        return verdict(velocity, self._zones, "mm/s", _VELOCITY_BAND)

    def to_json(self) -> dict[str, Any]:
        """What was learned, for the snapshot."""
        return self._reference.to_json()

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take back what ``to_json`` gave. Raises ValueError where the features are others now."""
        self._reference.restore(document)
