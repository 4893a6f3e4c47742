"""The prompt screen with the model that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable

from telecine_platform.errors import ModelError
from telecine_platform.rights.screening import Screen, screen_builder
from telecine_platform.settings import Settings
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.registry.entities import Registry


def build_screen(settings: Settings) -> Callable[[Registry], Screen]:
    """What makes the screen of each new registry.

    Raises `ModelError` without the model that the settings ask for: a replica that cannot look for
    descriptions does not start, and its jobs wait.
    """
    return screen_builder(settings, _embed(settings))


def _embed(settings: Settings) -> Embed | None:
    if settings.screening_model == "none":
        return None
    import torch

    from telecine_serve.screening.minilm import SHA256, MiniLM
    from telecine_serve.screening.stored import StoredEmbed

    # Its matrices are small: a second thread costs more than it brings, most of all on a busy host.
    torch.set_num_threads(1)
    try:
        model = MiniLM()
    except CheckFailed as error:
        raise ModelError(f"screening_model {settings.screening_model}: {error}") from error
    digest = SHA256["model.safetensors"][:12]
    return StoredEmbed(model, settings.data_dir / "screening" / f"minilm-{digest}.npz")
