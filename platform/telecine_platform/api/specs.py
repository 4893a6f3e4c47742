"""A checked body -> a complete `VideoSpec`: defaults from the model's card, limits enforced."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from telecine_platform.api.validation import printable
from telecine_platform.api.videos.bodies import CreateVideoBody
from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import InvalidRequest
from telecine_platform.records import VideoSpec
from telecine_platform.settings import Settings

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})
"""Unicode categories without a mark on paper: controls, formats, surrogates, separators."""


def spec_from_request(
    body: CreateVideoBody, card: ModelCard, settings: Settings, *, random_seed: int
) -> VideoSpec:
    """Fill in every default; raises `InvalidRequest` with the allowed values."""
    width_px, height_px = _size_px(body.size, card)
    return VideoSpec(
        model=card.name,
        prompt=checked_prompt(body.prompt, settings.max_prompt_chars),
        negative_prompt=checked_text(
            body.negative_prompt or "", "negative_prompt", settings.max_prompt_chars
        ),
        width_px=width_px,
        height_px=height_px,
        num_frames=card.num_frames_from_s(_duration_s(body.seconds, card)),
        fps=card.fps,
        num_steps=_num_steps(body.num_steps, card),
        guidance_scale=card.guidance_scale if body.guidance_scale is None else body.guidance_scale,
        seed=random_seed if body.seed is None else body.seed,
        adapter=_adapter(body.adapter, card, settings),
        step_cache=_step_cache(body.step_cache or 0.0, card, settings.max_step_cache),
    )


def remixed_spec(spec: VideoSpec, prompt: str, max_prompt_chars: int) -> VideoSpec:
    """The same video with another prompt; raises `InvalidRequest`."""
    prompt = checked_prompt(prompt, max_prompt_chars)
    # Its pictures become the new job's own when that is stored.
    return replace(spec, prompt=prompt, first_frame=None, last_frame=None)


def size_name(size_px: tuple[int, int]) -> str:
    """`(832, 480)` as the API writes it, `832x480`."""
    return f"{size_px[0]}x{size_px[1]}"


def _size_px(size: str | None, card: ModelCard) -> tuple[int, int]:
    if size is None:
        return card.sizes_px[0]
    allowed = {size_name(size_px): size_px for size_px in card.sizes_px}
    if size not in allowed:
        raise not_allowed("size", size, list(allowed), card)
    return allowed[size]


def _duration_s(seconds: int | None, card: ModelCard) -> int:
    if seconds is None:
        return card.durations_s[0]
    if seconds not in card.durations_s:
        raise not_allowed(
            "seconds", seconds, [str(item) for item in sorted(card.durations_s)], card
        )
    return seconds


def _num_steps(num_steps: int | None, card: ModelCard) -> int:
    if num_steps is None:
        return card.num_steps
    if num_steps > card.max_num_steps:
        raise not_allowed("num_steps", num_steps, [f"1 to {card.max_num_steps}"], card)
    return num_steps


def _adapter(adapter: str | None, card: ModelCard, settings: Settings) -> str | None:
    if adapter is not None and adapter not in settings.allowed_adapters:
        raise not_allowed("adapter", adapter, sorted(settings.allowed_adapters) or ["none"], card)
    return adapter


def _step_cache(step_cache: float, card: ModelCard, max_step_cache: float) -> float:
    if step_cache > max_step_cache:
        allowed = f"0 to {max_step_cache:g}" if max_step_cache else "0: the operator allows none"
        raise not_allowed("step_cache", step_cache, [allowed], card)
    return step_cache


def checked_prompt(prompt: str, max_chars: int, param: str = "prompt") -> str:
    """Refuse a prompt that is empty or too long."""
    checked = checked_text(prompt, param, max_chars)
    if all(unicodedata.category(letter) in _INVISIBLE for letter in checked):
        raise InvalidRequest(
            f"{param} is empty: say what the clip shall show", param=param, code="empty_string"
        )
    return checked


def checked_text(text: str, param: str, max_chars: int) -> str:
    """Refuse a text that is too long, or that neither a database nor a rule can take."""
    if len(text) > max_chars:
        raise InvalidRequest(
            f"{param} has {len(text)} characters, at most {max_chars} are allowed",
            param=param,
            code="string_above_max_length",
        )
    # Neither has a place in a database's text, and no screening rule knows what they stand for.
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidRequest(
            f"{param} holds a NUL character or a lone surrogate; remove it",
            param=param,
            code="invalid_text",
        )
    return text


def not_allowed(param: str, given: object, allowed: list[str], card: ModelCard) -> InvalidRequest:
    """What to raise for a value that the model does not have; says which it has."""
    shown = printable(str(given))[:40]
    return InvalidRequest(
        f"{param} {shown!r} is not possible with {card.name}; allowed: {', '.join(allowed)}",
        param=param,
        code="invalid_value",
    )
