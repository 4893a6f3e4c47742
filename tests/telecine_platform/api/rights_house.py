"""A running API with a registry and a key for each scope."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from telecine_platform.access.keys import digest_from_key
from telecine_platform.rights.keys import write_new_keys
from telecine_platform.rights.store import RightsStore
from tests.rights_records import seeded
from tests.telecine_platform.api.house import House, open_house

WAIT_S = 1.0
"""For a screening replica; most tests have none."""
ZORB = {"id": "blimp", "kind": "character", "name": "Blimpo", "rights_holder": "Blimp Ltd"}


class RightsHouse:
    """Asks the house in somebody's name: `plain`, `owner`, `rival`, `support` or `boss`."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.jobs = house.jobs
        self.rights: RightsStore = seeded(house.jobs.database)
        self.folder = folder

    def ask(self, who: str, method: str, path: str, **options: object) -> httpx.Response:
        headers = {"authorization": f"Bearer key-of-{who}"}
        return self.house.client.request(
            method,
            path,
            headers=headers,
            **options,  # type: ignore[arg-type]
        )

    def code(self, who: str, method: str, path: str, **options: object) -> tuple[int, str]:
        response = self.ask(who, method, path, **options)
        return response.status_code, response.json().get("error", {}).get("code", "")


@contextmanager
def open_rights_house(folder: Path, request_regions: str = "") -> Iterator[RightsHouse]:
    scopes = {
        "owner": ["read", "rights"],
        "rival": ["submit", "read", "rights"],
        "support": ["review"],
        "boss": ["admin"],
    }
    keys: dict[str, object] = {"plain": [digest_from_key("key-of-plain")]}
    for who, given in scopes.items():
        keys[who] = {"keys": [digest_from_key(f"key-of-{who}")], "scopes": given}
    file = folder / "keys.yaml"
    file.write_text(json.dumps(keys))
    write_new_keys(folder / "key.pem", folder / "key.pub")
    with open_house(
        folder,
        api_keys_file=file,
        preview_wait_s=WAIT_S,
        registry_private_key_file=folder / "key.pem",
        registry_public_key_file=folder / "key.pub",
        request_regions=request_regions,
    ) as house:
        yield RightsHouse(house, folder)
