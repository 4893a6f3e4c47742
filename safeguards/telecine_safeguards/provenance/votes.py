"""How much each frame counts: a recoded clip keeps the mark in some frames, and hardly in others.

A frame that is coded by itself keeps the mark where it was put. One that is predicted takes it
along with whatever moves, and at a low quality nothing puts it back: it adds noise only. So each
frame counts by its template's amplitude over the power of its noise, which makes the sum that
stands out most (maximal ratio combining: D. Brennan, Proc. IRE 47, 1959).

The template's phases say nothing of the bits', so no weighting by it makes a false id likelier.

Legend: T frames, H height_px, W width_px, K carriers.
"""

from __future__ import annotations

import numpy as np

from telecine_safeguards.provenance.align import Alignment
from telecine_safeguards.provenance.carriers import Carriers
from telecine_safeguards.provenance.luma import Picture
from telecine_safeguards.provenance.residual import Pictures
from telecine_safeguards.provenance.waves import Floats, Noise


def sums_to_search(residuals_THW: Pictures) -> list[Picture]:
    """Before anything is known: all frames alike, and the first counting as much as all others.

    Nothing comes before the first one, so it was coded by itself, unless the clip was cut since.
    """
    total_HW: Picture = residuals_THW.sum(axis=0)
    num_others = len(residuals_THW) - 1
    if not num_others:
        return [total_HW]
    return [total_HW, total_HW + residuals_THW[0] * np.float32(num_others - 1)]


def sum_by_template(
    residuals_THW: Pictures, noise: Noise, carriers: Carriers, alignment: Alignment
) -> Picture:
    """The frames' weighted sum; all count the same where the template is in none of them."""
    weights_T = _weights(residuals_THW, noise, carriers, alignment).astype(np.float32)
    total_HW: Picture = np.tensordot(weights_T, residuals_THW, axes=1)
    return total_HW


def _weights(
    residuals_THW: Pictures, noise: Noise, carriers: Carriers, alignment: Alignment
) -> Floats:
    waves_TK = alignment.waves(residuals_THW, carriers.template_K2, carriers.template_phases_K)
    waves_TK = waves_TK * np.sqrt(noise.weights(alignment.frequencies(carriers.template_K2)))
    in_phase_T = np.maximum(waves_TK.real.sum(axis=1), 0)
    noise_T = np.square(waves_TK.imag).sum(axis=1)
    if not in_phase_T.any():
        return np.ones(len(residuals_THW))
    weights_T: Floats = in_phase_T / np.maximum(noise_T, noise_T.max() * 1e-6)
    return weights_T
