"""Levels as a fault would disturb them, made from normal ones: what the network learns to undo.

An autoencoder taught only to repeat its input soon repeats faults as well. A denoising one
(Vincent et al., Extracting and composing robust features with denoising autoencoders, ICML
2008) is shown disturbed rows and asked for the undisturbed ones. No fault has to be known for
that: a disturbance is a bump of any place, width and height over the bands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.training.recipe import DisturbancePart

_NARROWEST, _WIDEST = 1.0, 40.0


def disturbed(
    levels: NDArray[np.float32], part: DisturbancePart, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A copy of ``levels``, shape (rows, bands), in which ``part.share`` of the rows bear a bump.

    Bumps are Gaussian over the bands, from a band's to the whole spectrum's width (evenly drawn
    in the logarithm), up to ``part.height`` dB high; ``part.dips`` of them go down.
    """
    rows, bands = levels.shape
    place = rng.uniform(0.0, bands, (rows, 1))
    width = np.exp(rng.uniform(np.log(_NARROWEST), np.log(_WIDEST), (rows, 1)))
    height = rng.uniform(0.0, part.height, (rows, 1))
    height *= np.where(rng.random((rows, 1)) < part.dips, -1.0, 1.0)
    height *= rng.random((rows, 1)) < part.share
    bumps = height * np.exp(-0.5 * ((np.arange(bands) - place) / width) ** 2)
    shown: NDArray[np.float32] = (levels + bumps).astype(np.float32)
    return shown
