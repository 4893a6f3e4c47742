"""Everything on one machine: database, storage, model, the three stages and the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from telecine_platform.errors import ModelError, NotFound, SettingsError
from telecine_platform.jobs.store import JobStore
from telecine_platform.rights.open import open_rights
from telecine_platform.scheduling.pools import workers_on_one_machine
from telecine_platform.settings import Settings, export_settings, export_variables
from telecine_platform.storage.open import open_store
from telecine_serve.local.api_process import api_process
from telecine_serve.local.stages import local_stages
from telecine_serve.models.embedded import is_written_on_first_use, write_embedded_model
from telecine_serve.models.licence_gate import check_training_data


@contextmanager
def local_platform(settings: Settings, report: Callable[[str], None]) -> Iterator[str]:
    """Start what is needed, yield the API's URL when a prompt can be served, drain at the end.

    The API starts first and stops last, so that callers can poll through start and drain.
    """
    if settings.log_folder is None:
        settings = settings.model_copy(update={"log_folder": settings.data_dir / "logs"})
    export_settings(settings)
    export_variables(
        {
            "HF_HUB_OFFLINE": "1",  # weights come from the model folder, never from a hub
            "DS_ACCELERATOR": settings.rank_device,  # DeepSpeed would guess, and say so
            "TOKENIZERS_PARALLELISM": "false",
        }
    )
    _check_parts(settings)
    with api_process(settings) as url, local_stages(settings, report):
        yield url


def _check_parts(settings: Settings) -> None:
    """Fail now, with one clear error, rather than later in a replica."""
    try:
        workers = workers_on_one_machine(settings)
    except NotFound as error:
        raise SettingsError(str(error)) from error
    jobs = JobStore(settings.resolved_database_url)
    jobs.create_tables()
    open_rights(settings, jobs.database)
    jobs.close()
    open_store(settings.resolved_storage_url, settings.s3_endpoint_url).check()
    for worker in workers:
        _make_sure_of_the_model(worker.settings)


def _make_sure_of_the_model(settings: Settings) -> None:
    folder = settings.resolved_model_folder
    if is_written_on_first_use(settings):
        write_embedded_model(folder, replaces_older=True)
    elif not (folder / "model_index.json").is_file():
        raise ModelError(
            f"no model in {folder} (model_index.json is missing); put {settings.model} there in "
            "diffusers' folder format, or point TELECINE_MODEL_FOLDER at it"
        )
    check_training_data(settings)
