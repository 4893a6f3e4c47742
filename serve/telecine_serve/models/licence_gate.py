"""Whether a model may be served here, by where its training data came from; adapters likewise.

An operator names the keys whose word counts and, if wanted, the licences that are good enough. Then
every rank asks before it loads, on its own node's copy: there is no other way to a served model.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

from telecine_platform.errors import ModelError, SettingsError
from telecine_platform.rights.keys import public_keys_from_file
from telecine_platform.settings import Settings
from telecine_serve.models.training_data import MANIFEST_FILE, TrainingManifest, read_manifest


def check_training_data(settings: Settings) -> tuple[TrainingManifest, ...]:
    """The model's manifest and those of the allowed adapters that lie here; none if no keys are
    set. Reads all of the weights. What is fetched later is asked about then (`open_adapters`).

    Raises `ModelError` for weights that nobody trusted vouches for or that are not the vouched
    ones, and for a licence that is not accepted; `SettingsError` for settings that would check less
    than they seem to.
    """
    if settings.model_keys_file is None:
        if accepted_licences(settings.model_licences):
            raise SettingsError("model_licences needs model_keys_file: whose word for them counts?")
        return ()
    folders = [settings.resolved_model_folder]
    if settings.adapters_folder is not None and not settings.adapters_url:
        folders += [settings.adapters_folder / name for name in sorted(settings.allowed_adapters)]
    return tuple(
        check_folder(folder, settings.model_keys_file, settings.model_licences)
        for folder in folders
    )


def check_folder(folder: Path, keys_file: Path, licences: str) -> TrainingManifest:
    """Of one model or adapter, with the settings' key file and list of licences."""
    manifest = read_manifest(folder, public_keys_from_file(keys_file, "model_keys_file"))
    _check_licences(folder, manifest, accepted_licences(licences))
    return manifest


def accepted_licences(setting: str) -> frozenset[str]:
    """The setting's names, apart."""
    return frozenset(name.strip() for name in setting.split(",") if name.strip())


def _check_licences(folder: Path, manifest: TrainingManifest, accepted: AbstractSet[str]) -> None:
    """Every source's licence must be `accepted`, written as there; nothing accepted: anything is.

    An expression (`MIT OR Apache-2.0`) is one name: what it amounts to is for a lawyer to say.
    """
    refused = [source for source in manifest.sources if accepted and source.licence not in accepted]
    if refused:
        found = "; ".join(f"{source.name}: {source.licence}" for source in refused)
        raise ModelError(
            f"{folder / MANIFEST_FILE} names training data whose licence is not accepted here "
            f"(model_licences: {', '.join(sorted(accepted))}): {found}"
        )
