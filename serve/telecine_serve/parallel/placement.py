"""Which parts of a model stay on the GPU between uses; what each choice costs is in `cost_model`.

The engine runs every placement, so that what the planner chooses is what a gang does.
"""

from __future__ import annotations

from dataclasses import dataclass

from telecine_platform.errors import PlanError

_NOTHING = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The default is all on the GPU, and the exact decode."""

    is_text_encoder_on_gpu: bool = True
    are_all_experts_resident: bool = True
    """If not, the expert that a step needs is copied from host memory."""
    are_weights_streamed: bool = False
    """The transformers wait in host memory, divided over the gang, and blocks are gathered one by
    one (`weight_stream`): for a gang with tp1, where no whole expert fits."""
    is_decode_tiled: bool = False
    """Tiles save memory and go round the ranks, but their seams change the picture
    (facts/engine.md section 5)."""

    def __post_init__(self) -> None:
        if self.are_weights_streamed and not self.are_all_experts_resident:
            raise PlanError("weights that are streamed (Z) cannot also take turns (E)")

    def __str__(self) -> str:
        """Its marks in docs/plans.md, as `TE`; `none` for the default."""
        return (
            "T" * (not self.is_text_encoder_on_gpu)
            + "E" * (not self.are_all_experts_resident)
            + "Z" * self.are_weights_streamed
            + "V" * self.is_decode_tiled
        ) or _NOTHING


ALL_ON_GPU = Placement()


def placement_from_text(text: str) -> Placement:
    """Read what `str(placement)` writes. Raises PlanError for anything else."""
    marks = "" if text == _NOTHING else text
    placement = Placement(
        is_text_encoder_on_gpu="T" not in marks,
        are_all_experts_resident="E" not in marks,
        are_weights_streamed="Z" in marks,
        is_decode_tiled="V" in marks,
    )
    if str(placement) != text:
        raise PlanError(
            f"{text[:60]!r} names no placement; write letters of TEZV in this order, or {_NOTHING}"
        )
    return placement
