"""A caller's picture through the checks of the output: what may not come out may not go in.

Invariant: only ALLOW lets the picture through, as in `moderate`; nobody masks or reviews a picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.policy_rules import Circumstances
from telecine_safeguards.verdict import Action, Checkpoint, Verdict

_MESSAGES = {
    "nudity": "The picture shows nudity and is not used. Send another one.",
    "reference_match": "The picture matches registered material and is not used. "
    "Send one of your own instead.",
}


def moderate_picture(
    moderation: OutputModeration,
    picture_HWC: npt.NDArray[np.uint8],
    circumstances: Circumstances,
) -> Verdict:
    """Decide about one picture of uint8 RGB: ALLOW or BLOCK, at the checkpoint PICTURE."""
    verdict = moderation.moderate(picture_HWC[np.newaxis], 1, circumstances)
    if verdict.action is Action.ALLOW:
        return replace(verdict, checkpoint=Checkpoint.PICTURE)
    known = _MESSAGES.get(verdict.reason_code)
    message = known or f"The picture that the request sent did not pass. {verdict.message}"
    return replace(verdict, checkpoint=Checkpoint.PICTURE, action=Action.BLOCK, message=message)
