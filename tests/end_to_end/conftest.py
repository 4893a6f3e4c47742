"""Two running platforms, each started once: the embedded one, and one on PostgreSQL and S3.

They end with this folder's last test: two idle platforms would slow the rest of the suite.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openai import OpenAI

from telecine_serve.cli.certificates import certificates
from telecine_serve.models.embedded import SHIPPED
from tests.damaged_packages import DamagedPackages
from tests.otlp_collector import OtlpCollector, otlp_collector
from tests.postgres_server import PostgresServer
from tests.running_platform import RunningPlatform, running_platform
from tests.s3_server import S3Server, s3_server
from tests.telecine_serve.models.ltx_folder import CARD as LTX
from tests.telecine_serve.models.ltx_folder import write_ltx

# The SDK's types know Sora's sizes and lengths only; on the wire any text goes. Any: for that.
LARGE: Any = "128x128"
WIDE: Any = "96x64"
ONE: Any = "1"
WORDS = "words"
SWITCH = Path(__file__).parents[1] / "telecine_serve" / "apps" / "switch.py"


@pytest.fixture(scope="package")
def collector() -> Iterator[OtlpCollector]:
    with otlp_collector() as collector:
        yield collector


@pytest.fixture(scope="package")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> DamagedPackages:
    return DamagedPackages(tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="package")
def embedded(
    tmp_path_factory: pytest.TempPathFactory, collector: OtlpCollector, damaged: DamagedPackages
) -> Iterator[RunningPlatform]:
    """SQLite and a local folder. Short leases, so that a killed worker is missed soon.

    Its moderation has a plug-in more, which does what the file `words` beside the data says, and
    its Python is one whose packages can be damaged.
    """
    folder = tmp_path_factory.mktemp("embedded")
    (folder / WORDS).write_text("")
    environ = {
        "TELECINE_MODERATION_PLUGINS": f"switch={sys.executable} {SWITCH} {folder / WORDS}",
        "TELECINE_CHECK_TIMEOUT_S": "15",
        "TELECINE_LEASE_S": "4",
        "TELECINE_HEARTBEAT_S": "1",
        "TELECINE_STALL_S": "10",
        "TELECINE_OTLP_ENDPOINT": collector.url,
    }
    with running_platform(folder, environ, damaged.python) as platform:
        yield platform


@pytest.fixture(scope="package")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="package")
def database_url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture(scope="package")
def clustered(
    tmp_path_factory: pytest.TempPathFactory, database_url: str, s3: S3Server
) -> Iterator[RunningPlatform]:
    """PostgreSQL and an S3 server that checks signatures, as in a cluster. A tiny LTX is its second
    model."""
    folder = tmp_path_factory.mktemp("clustered")
    write_ltx(SHIPPED, folder / "models" / LTX.name)
    made = CliRunner().invoke(certificates, [str(folder / "secrets"), "--json"])
    files = json.loads(made.output)
    secrets = {f"TELECINE_{name.upper()}": file for name, file in files.items()}
    environ = (
        s3.environ()
        | secrets
        | {
            "TELECINE_DATABASE_URL": database_url,
            "TELECINE_STORAGE_URL": f"s3://{s3.bucket}/clips",
            "TELECINE_RETRY_DELAY_S": "0.5",
            "TELECINE_MORE_MODELS": f"{LTX.name}=1x1",
            "TELECINE_MODERATION_CHECKS": "nudity",  # likewise
            "TELECINE_SCREENING_MODEL": "none",  # `embedded` has it; its start takes 15 s
            "TELECINE_SCREENING_MIN_REPLICAS": "2",  # a new registry has to reach both
        }
    )
    with running_platform(folder, environ) as platform:
        yield platform


@pytest.fixture(params=["embedded", "clustered"])
def platform(request: pytest.FixtureRequest) -> RunningPlatform:
    """Both, one after the other."""
    running: RunningPlatform = request.getfixturevalue(request.param)
    return running


def client_of(platform: RunningPlatform) -> OpenAI:
    return OpenAI(base_url=f"{platform.url}/v1", api_key="unused", max_retries=0)


@pytest.fixture
def clip_path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mp4"
