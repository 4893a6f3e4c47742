"""`/v1/models`: what is served, with its limits, in OpenAI's list shape."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from telecine_platform.api.context import ApiContext, Context, Reader
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.specs import size_name
from telecine_platform.api.videos.bodies import MAX_GUIDANCE, MIN_GUIDANCE
from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import NotFound
from telecine_platform.halts.records import covers, strictest
from telecine_platform.settings import Settings

router = APIRouter(prefix="/v1/models", tags=["models"], responses=RESPONSES)


class ModelLimits(BaseModel):
    """What a request may ask of the model."""

    sizes: list[str] = Field(description="The first one is the default.")
    seconds: list[str] = Field(description="The first one is the default.")
    fps: int
    num_steps: int = Field(description="The default.")
    max_num_steps: int
    guidance_scale: float = Field(description="The default.")
    min_guidance_scale: float
    max_guidance_scale: float
    adapters: list[str] = Field(description="LoRA adapters that a request may name.")
    max_step_cache: float = Field(description="0: no request may ask for it.")
    max_prompt_chars: int
    first_frame: str = Field(
        description="A picture to begin with (`input_reference`): `never`, `optional`, `required`."
    )
    last_frame: str = Field(description="The same for the end.")


class Model(BaseModel):
    """OpenAI's model object, plus the limits."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="OpenAI's field; the catalogue keeps no dates, so 0.")
    owned_by: str = "telecine"
    halted: str | None = Field(description="Why its videos wait or are refused; null: they do not.")
    limits: ModelLimits


class ModelList(BaseModel):
    """All models that are served."""

    object: Literal["list"] = "list"
    data: list[Model]


@router.get("", summary="List the models")
def list_models(context: Context, tenant_id: Reader) -> ModelList:
    """The models that are served; the first one is made where a request names none."""
    return ModelList(
        data=[_served_model(card, context, tenant_id) for card in context.cards.values()]
    )


@router.get("/{model}", summary="Look at a model")
def retrieve_model(model: str, context: Context, tenant_id: Reader) -> Model:
    """A served model's limits."""
    if model not in context.cards:
        served = ", ".join(context.cards)
        raise NotFound(f"no model {model[:100]!r} is served here; served: {served}")
    return _served_model(context.cards[model], context, tenant_id)


def _served_model(card: ModelCard, context: ApiContext, tenant_id: str) -> Model:
    about = {"model": card.name, "tenant_id": tenant_id, "region": context.settings.region}
    halt = strictest([halt for halt in context.halts.in_force() if covers(halt, **about)])
    reason = None if halt is None else halt.message
    return _model_from_card(card, context.settings, reason)


def _model_from_card(card: ModelCard, settings: Settings, halted: str | None) -> Model:
    limits = ModelLimits(
        sizes=[size_name(size_px) for size_px in card.sizes_px],
        seconds=[str(duration_s) for duration_s in card.durations_s],
        fps=card.fps,
        num_steps=card.num_steps,
        max_num_steps=card.max_num_steps,
        guidance_scale=card.guidance_scale,
        min_guidance_scale=MIN_GUIDANCE,
        max_guidance_scale=MAX_GUIDANCE,
        adapters=sorted(settings.allowed_adapters),
        max_step_cache=settings.max_step_cache,
        max_prompt_chars=settings.max_prompt_chars,
        first_frame=card.first_frame,
        last_frame=card.last_frame,
    )
    return Model(id=card.name, created=0, halted=halted, limits=limits)
