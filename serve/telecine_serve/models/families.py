"""The families that there are, by the name that a model's card gives."""

from __future__ import annotations

from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import ModelError
from telecine_serve.models.family import Family
from telecine_serve.models.ltx.family import LtxFamily
from telecine_serve.models.wan.family import WanFamily

FAMILIES: dict[str, Family] = {"wan": WanFamily(), "ltx": LtxFamily()}


def family_of(card: ModelCard) -> Family:
    try:
        return FAMILIES[card.family]
    except KeyError:
        known = ", ".join(FAMILIES)
        raise ModelError(
            f"the card {card.name} is of the family {card.family!r}; there is {known}"
        ) from None
