"""The prompt screen with the models that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from telecine_platform.errors import ModelError
from telecine_platform.rights.screening import Screen, screen_builder
from telecine_platform.settings import Settings
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.harms import HarmClassifier
from telecine_safeguards.registry.entities import Registry


def build_screen(
    settings: Settings, classifiers: Sequence[HarmClassifier] = ()
) -> Callable[[Registry], Screen]:
    """What makes the screen of each new registry.

    Raises `ModelError` without a model that the settings ask for: a replica that cannot look for
    descriptions does not start, and its jobs wait.
    """
    if settings.screening_model == "none":
        return screen_builder(settings, classifiers=classifiers)
    try:
        english, foreign = _embeds(settings)
    except CheckFailed as error:
        raise ModelError(f"screening_model {settings.screening_model}: {error}") from error
    return screen_builder(settings, english, foreign, classifiers)


def _embeds(settings: Settings) -> tuple[Embed, Embed]:
    import torch

    from telecine_serve.screening import minilm, multilingual
    from telecine_serve.screening.stored import StoredEmbed

    # Its matrices are small: a second thread costs more than it brings, most of all on a busy host.
    torch.set_num_threads(1)
    folder = settings.data_dir / "screening"
    english = minilm.PACKAGE.sha256["model.safetensors"][:12]
    foreign = multilingual.PACKAGE.sha256["weights.npz"][:12]
    return (
        StoredEmbed(minilm.MiniLM(), folder / f"minilm-{english}.npz"),
        StoredEmbed(multilingual.Multilingual(), folder / f"multilingual-{foreign}.npz"),
    )
