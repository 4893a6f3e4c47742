"""One frozen `Settings`, read once in main from a file and the environment, then passed down.

A variable wins over the file, the file over the default. `TELECINE_LEASE_S=30` sets `lease_s`; a
key that no field has is an error, so that a typing mistake cannot pass for a setting. This module
is the only reader of the environment; boto3 reads its own `AWS_*` variables.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from telecine_platform.errors import SettingsError

PREFIX = "TELECINE_"
_Seconds = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """Everything an operator can choose. Units are in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(default=Path("telecine-data"), validate_default=True)
    """Home of the embedded defaults: database, blobs, model folder."""
    database_url: str = ""
    """SQLAlchemy URL (`sqlite:///…`, `postgresql://…`); empty: `jobs.db` in `data_dir`."""
    storage_url: str = ""
    """`file:///folder` or `s3://bucket/prefix`; empty: `blobs` in `data_dir`."""
    s3_endpoint_url: str | None = None
    """For S3-compatible services; None: AWS."""
    host: str = "127.0.0.1"
    """Where the API listens; loopback unless somebody decides otherwise."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """0 takes a free port."""
    public_url: str = ""
    """Where callers reach the API, as `https://video.example.org`; empty: as their requests say."""
    api_keys_file: Path | None = None
    """YAML: tenant -> SHA-256 hex digests of its keys, and scopes; None: one tenant, no keys."""
    oidc_issuer: str = ""
    """Whose JWT bearer tokens are taken (`iss`); empty: nobody's."""
    oidc_audience: str = ""
    """What a token has to be meant for (`aud`)."""
    oidc_jwks: str = ""
    """Where the issuer's public keys are: an https URL, or a file."""
    oidc_tenant_claim: str = "tenant"
    """The claim that names the tenant."""
    oidc_scope_claim: str = "scope"
    """The claim that lists the scopes: words, or a list."""

    model: str = "embedded"
    """A name in the catalogue: what is made where a request names no model."""
    more_models: str = ""
    """Models served beside it by workers of their own, as `NAME=RANKSxGANGS, …`: the ranks of a
    gang, and how many gangs there may be. The API reads this, and `telecine up`, which finds each
    model in `data_dir/models/NAME`."""
    model_folder: Path | None = None
    """The model in diffusers' folder format; None: the embedded model, written on first use."""
    model_keys_file: Path | None = None
    """PEM, Ed25519, one or several: a model or adapter is served only if one of them vouches
    for its training data; None: none is asked."""
    model_licences: str = ""
    """Licences that training data may have, as `Apache-2.0, CC-BY-4.0`; empty: any, if it is named.
    """
    num_ranks: _Count = 2
    """Ranks of a generation gang; how they share the work is planned at its start."""
    gang_axes: str = ""
    """How the ranks share the work, as `cfg2 x sp2 x tp4`; empty: planned at the gang's start."""
    gang_placement: str = ""
    """What GPUs do not hold, as letters of `TEZV` (docs/plans.md), or `none`; empty: planned."""
    compile_blocks: bool = False
    """Run the transformer's blocks through torch.compile, which a gang's start then waits for."""
    rank_device: Literal["cpu", "cuda"] = "cpu"
    """`cpu` runs gloo on CPU actors, `cuda` runs NCCL with one GPU per rank."""
    registry_file: Path | None = None
    """What an empty rights store begins with; None: the starter that ships with the code."""
    registry_public_key_file: Path | None = None
    """PEM, Ed25519: whose registry files are imported; None: nobody's."""
    registry_private_key_file: Path | None = None
    """PEM, Ed25519: signs registry exports; None: nothing is exported."""
    ledger_private_key_file: Path | None = None
    """PEM, Ed25519: signs the ledger's heads; None: made in `data_dir`, and with PostgreSQL there
    are no signed heads."""
    ledger_public_key_file: Path | None = None
    """PEM, Ed25519, one or several: keys that signed heads before; None: only the present one."""
    ledger_head_s: _Seconds = 60.0
    """How often the end of the ledger is signed and put into the storage, when it has grown."""
    mark_keys_file: Path | None = None
    """Keys of the invisible marks, one a line: the first one marks, all are looked for; None: made
    in `data_dir`, and with PostgreSQL no clip is released."""
    signing_certificates_file: Path | None = None
    """PEM chain whose first certificate signs the clips' manifests; None: a development one, made
    in `data_dir`, and with PostgreSQL no clip is released."""
    signing_key_file: Path | None = None
    """PEM, P-256: the key of that certificate."""
    signing_key: str = ""
    """The same key as the PEM itself, for an environment secret."""
    signing_service: str = ""
    """Instead of a key, `package.module:function`: bytes in, DER signature of a key service out."""
    signing_roots_file: Path | None = None
    """PEM of the roots whose manifests are trusted; None: the development root, if it is used."""
    label_regions: str = ""
    """Where clips get a visible label, as `EU,CN`; `*`: everywhere; empty: nowhere."""
    policy_file: Path | None = None
    """What is rewritten, licensed, reviewed or blocked, by region and tenant; None: as shipped."""
    region: str = ""
    """Where clips are shown, as `EU`; empty: unknown, so everything protected anywhere counts."""
    screening_model: Literal["minilm", "none"] = "minilm"
    """Finds descriptions without names, with a second model for languages other than English;
    `none` screens by spelling only, and lets those pass."""
    screening_plugins: str = ""
    """Judges of harmful prompts of your own, as `guard=/opt/guard/run --fast`, a process each."""
    moderation_checks: str = "nudity,text,faces"
    """Which models look at a clip, beside the fingerprint; what is left out is not found."""
    moderation_plugins: str = ""
    """Models of your own that look, as `logo=/opt/logo/run --fast; brand=/opt/brand/run`."""
    sound_plugins: str = ""
    """Models of your own that listen, as `voice=/opt/voice/run`; none: sound holds the clip."""
    check_timeout_s: _Seconds = 60.0
    """A check that needs longer for a clip is ended; the clip stays unreleased."""
    check_start_s: Annotated[float, Field(ge=0)] = 120.0
    """What the first answer of a new process of checks may take longer: its models are loaded."""
    check_memory_gib: Annotated[float, Field(gt=0)] = 4.0
    """Private memory of a process of checks; an allocation beyond it fails."""

    lease_s: _Seconds = 15.0
    """A worker silent for longer loses its job to another."""
    heartbeat_s: _Seconds = 3.0
    """How often a worker renews its lease and reports progress; well below `lease_s`."""
    poll_s: _Seconds = 0.25
    """How long an idle worker waits before it looks for a job again."""
    max_attempts: _Count = 3
    """Claims of one stage before the job fails; outages of storage or database count less."""
    max_deaths: _Count = 3
    """Workers that may be lost with one job before it is quarantined."""
    retry_delay_s: _Seconds = 1.0
    """Wait before the second attempt; doubles with each further one."""
    job_timeout_s: _Seconds = 600.0
    """A stage that works longer on one job gives up on it."""
    drain_s: _Seconds = 660.0
    """How long a stopping replica may finish its job: longer than `job_timeout_s`."""
    stall_s: _Seconds = 60.0
    """A gang whose step counter stands still for longer is rebuilt."""
    checkpoint_s: _Seconds = 60.0
    """How often a generation saves where it can go on from after its gang is lost."""
    result_ttl_s: _Seconds = 86_400.0
    """Finished jobs of this age are deleted with their clips."""
    held_ttl_s: _Seconds = 604_800.0
    """A held job that nobody reviews within this is refused."""
    evidence_ttl_s: _Seconds = 2_592_000.0
    """How long what moderation found in a clip is kept, and the draft of a blocked one."""
    takedown_counter_s: _Seconds = 1_209_600.0
    """How long a clip's owner may object to its takedown; then it stays down."""
    takedown_answer_s: _Seconds = 1_209_600.0
    """How long a claimant may answer an objection; then the clip comes back."""
    takedown_evidence_s: _Seconds = 15_552_000.0
    """How long the files of a clip that stays down are kept."""
    signed_url_ttl_s: Annotated[int, Field(ge=1)] = 300
    """Life of a download URL."""

    idempotency_ttl_s: _Seconds = 86_400.0
    """How long an Idempotency-Key stands for the job that it made."""
    fold_window_s: Annotated[float, Field(ge=0)] = 0.0
    """Equal creates of one tenant within this are one job, also without a key; 0: each is its own.
    """
    request_regions: str = ""
    """Regions that a request may name instead of `region`, as `EU,US`; empty: none."""

    preview_wait_s: Annotated[float, Field(ge=0)] = 10.0
    """How long `/v1/screenings` waits for a replica before it answers by spelling only."""
    max_prompt_chars: _Count = 4_000
    """Longer prompts are refused."""
    max_step_cache: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The most that a request may ask of `step_cache`; gangs keep memory for it. 0: none may."""
    adapters: str = ""
    """LoRA adapters that requests may name, as `film,ink`; empty: none."""
    adapters_folder: Path | None = None
    """Where each of them has a folder with its safetensors; None: there are none, or they are
    fetched into the data folder."""
    adapters_url: str = ""
    """`s3://bucket/adapters` or `file:///adapters`: each is fetched when it is first asked for;
    empty: they lie in `adapters_folder`."""
    max_adapter_bytes: _Count = 1024 * 1024 * 1024
    """A larger adapter is not fetched; GPUs keep so much memory for each that may be loaded."""
    max_cached_adapters: _Count = 16
    """Fetched adapters that a node's disk keeps, the latest used ones."""
    max_loaded_adapters: _Count = 4
    """Adapters that a gang keeps loaded, the latest used ones; GPUs keep memory for them."""
    max_body_bytes: _Count = 16 * 1024 * 1024
    """Larger request bodies are refused before they are read."""

    screening_min_replicas: _Count = 1
    """Replicas of the screening stage that are kept without work."""
    screening_max_replicas: _Count = 2
    """Upper bound of the screening stage's autoscaling."""
    generation_min_replicas: Annotated[int, Field(ge=0)] = 1
    """Gangs that are kept without work; 0 gives every GPU back, and the first clip waits for one.
    """
    generation_max_replicas: _Count = 1
    """Upper bound in gangs, each of `num_ranks` CPUs or GPUs."""
    moderation_min_replicas: _Count = 1
    """Replicas of the moderation stage that are kept without work."""
    moderation_max_replicas: _Count = 2
    """Upper bound of the moderation stage's autoscaling."""
    jobs_per_replica: _Count = 2
    """Backlog that one more replica of screening or moderation is started for."""
    target_wait_s: _Seconds = 10.0
    """Generation gets as many gangs as work its queue off within this."""
    gang_start_s: _Seconds = 60.0
    """What a new gang takes until its first job, for forecasts."""

    tenants_file: Path | None = None
    """YAML: tenant -> weight, highest priority, quotas; None: all are equal and unbounded."""
    max_wait_s: _Seconds = 1_800.0
    """A video that would wait longer for a gang is refused."""
    ageing_s: _Seconds = 3_600.0
    """A job of this age goes before all others, as far as its tenant's share allows."""

    fetch_allowed: str = ""
    """Hosts and networks that users' URLs may lead to though they are private, as
    `hooks.svc,10.2.0.0/16`; a host here may also be plain http, on any port."""

    webhook_keys_file: Path | None = None
    """Fernet keys that seal the webhooks' secrets, one a line; None: made in `data_dir`, and with
    PostgreSQL there are no webhooks."""

    drain_folder: Path | None = None
    """Where a pod's preStop hook and its workers meet (`pod_drain.py`); None: no such hook."""
    log_folder: Path | None = None
    """Where each process writes its log file; None: standard error."""
    otlp_endpoint: str | None = None
    """OTLP/HTTP traces URL, as `http://collector:4318/v1/traces`; None: no traces leave."""

    @field_validator(
        "data_dir",
        "model_folder",
        "adapters_folder",
        "model_keys_file",
        "registry_file",
        "registry_public_key_file",
        "registry_private_key_file",
        "ledger_private_key_file",
        "ledger_public_key_file",
        "mark_keys_file",
        "signing_certificates_file",
        "signing_key_file",
        "signing_roots_file",
        "policy_file",
        "webhook_keys_file",
        "api_keys_file",
        "tenants_file",
        "drain_folder",
        "log_folder",
    )
    @classmethod
    def _make_absolute(cls, path: Path | None) -> Path | None:
        """Ray's actors run in another folder than the process that read the setting."""
        return None if path is None else path.expanduser().absolute()

    @field_validator("adapters")
    @classmethod
    def _check_adapters(cls, names: str) -> str:
        """They are names of folders, below one folder and no other."""
        for name in filter(None, map(str.strip, names.split(","))):
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
                raise ValueError(f"{name!r}: letters, digits, `.`, `_` and `-`, at most 64")
        return names

    @field_validator("adapters_url")
    @classmethod
    def _check_adapters_url(cls, url: str) -> str:
        if url and not url.startswith(("s3://", "file:///")):
            raise ValueError("write s3://bucket/adapters or file:///adapters")
        return url

    @model_validator(mode="after")
    def _check_tokens(self) -> Settings:
        given = {
            name: getattr(self, name) for name in ("oidc_issuer", "oidc_audience", "oidc_jwks")
        }
        missing = [name for name, value in given.items() if not value]
        if 0 < len(missing) < len(given):
            raise ValueError(f"tokens need all of {', '.join(given)}; missing: {missing[0]}")
        if re.match(r"http://(?!127\.0\.0\.1[:/]|localhost[:/])", self.oidc_jwks):
            raise ValueError("oidc_jwks must be https, or anybody on the way could sign tokens")
        return self

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if self.heartbeat_s * 2 > self.lease_s:
            raise ValueError(
                f"lease_s ({self.lease_s}) must be at least twice heartbeat_s "
                f"({self.heartbeat_s}), or one late heartbeat loses the job"
            )
        for stage in ("screening", "generation", "moderation"):
            least = getattr(self, f"{stage}_min_replicas")
            most = getattr(self, f"{stage}_max_replicas")
            if least > most:
                raise ValueError(
                    f"{stage}_min_replicas ({least}) must not exceed {stage}_max_replicas ({most})"
                )
        if self.drain_s <= self.job_timeout_s:
            raise ValueError(
                f"drain_s ({self.drain_s}) must exceed job_timeout_s ({self.job_timeout_s}), "
                "or a shutdown kills the longest job"
            )
        return self

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'jobs.db'}"

    @property
    def allowed_request_regions(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.request_regions.split(",") if name.strip())

    @property
    def allowed_adapters(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.adapters.split(",") if name.strip())

    @property
    def resolved_adapters_folder(self) -> Path:
        return self.adapters_folder or self.data_dir / "adapters"

    @property
    def resolved_model_folder(self) -> Path:
        return self.model_folder or self.data_dir / "models" / self.model

    @property
    def resolved_storage_url(self) -> str:
        return self.storage_url or (self.data_dir / "blobs").as_uri()


def load_settings(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Read the file, then the environment, then `overrides` (command-line flags; None is unset).

    Raises `SettingsError` with every wrong key and value at once.
    """
    values: dict[str, object] = {} if file is None else _values_from_file(file)
    values |= _values_from_environ(os.environ if environ is None else environ)
    values |= {key: value for key, value in (overrides or {}).items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_message_from_errors(error)) from error


def export_settings(settings: Settings) -> None:
    """Put every setting into this process's environment, for the processes that it starts.

    Ray's actors read their settings as a pod does, so no password travels in a Serve config.
    """
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    for key, value in settings.model_dump(mode="json", exclude_none=True).items():
        os.environ[PREFIX + key.upper()] = str(value)


def export_variables(variables: Mapping[str, str]) -> None:
    """Set variables of other programs (Ray, PyTorch) for this process and those it starts."""
    os.environ.update(variables)


def _values_from_file(file: Path) -> dict[str, object]:
    try:
        text = file.read_text(encoding="utf-8")
        match file.suffix:
            case ".toml":
                values: object = tomllib.loads(text)
            case ".yaml" | ".yml":
                values = yaml.safe_load(text) or {}
            case other:
                raise SettingsError(f"config file {file}: use .yaml, .yml or .toml, not {other!r}")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"config file {file} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"config file {file} must hold `key: value` lines")
    return values


def _values_from_environ(environ: Mapping[str, str]) -> dict[str, object]:
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX)
    }


def _message_from_errors(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "settings"
        if item["type"] == "extra_forbidden":
            lines.append(f"{key}: no such setting (file key, or {PREFIX}{key.upper()})")
        else:
            lines.append(f"{key}: {item['msg']}{_shown(key, item['input'])}")
    return "; ".join(lines)


def _shown(key: str, value: object) -> str:
    """The wrong value, unless it may hold a password."""
    is_plain = not key.endswith(("_url", "_file", "_key")) and isinstance(
        value, str | int | float | bool
    )
    return f", got {value!r}"[:80] if is_plain else ""
