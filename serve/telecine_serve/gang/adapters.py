"""The adapters of a gang's rank, as the settings want them."""

from __future__ import annotations

from pathlib import Path

from telecine_platform.settings import Settings
from telecine_serve.engine.adapters import Adapters
from telecine_serve.models.adapter_cache import AdapterCache
from telecine_serve.models.licence_gate import check_folder


def open_adapters(settings: Settings) -> Adapters:
    """Nothing is fetched or read yet. With `model_keys_file` an adapter that is fetched has to be
    vouched for whenever it is loaded.
    """

    def check(folder: Path) -> None:
        if settings.model_keys_file is not None:
            check_folder(folder, settings.model_keys_file, settings.model_licences)

    home: Path | AdapterCache | None = settings.adapters_folder
    if settings.adapters_url:
        home = AdapterCache(
            settings.adapters_url,
            settings.s3_endpoint_url,
            settings.resolved_adapters_folder,
            max_adapters=settings.max_cached_adapters,
            max_adapter_bytes=settings.max_adapter_bytes,
            check=check,
        )
    return Adapters(home, settings.allowed_adapters, settings.max_loaded_adapters)
