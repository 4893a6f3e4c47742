"""Webhooks as a tenant sees them: OpenAI's SDK against the running API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI

from telecine_platform.access.keys import digest_from_key
from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.settings import Settings
from telecine_platform.webhooks.vault import open_vault
from tests.telecine_platform.api.house import House, open_house
from tests.telecine_platform.webhooks.receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[House]:
    file = tmp_path / "keys.yaml"
    file.write_text(json.dumps({name: [digest_from_key(name)] for name in ("a", "b")}))
    with open_house(tmp_path, api_keys_file=file, fetch_allowed="localhost") as opened:
        yield opened


@pytest.fixture
def client(guarded: House) -> OpenAI:
    return OpenAI(base_url=f"{guarded.url}/v1", api_key="a", max_retries=0)


def test_the_openai_sdk_manages_endpoints(client: OpenAI, receiver: Receiver) -> None:
    made = client.webhooks.create(name="ours", url=receiver.url, event_types=["video.completed"])
    assert made.signing_secret.startswith("whsec_")
    again = client.webhooks.retrieve(made.id)
    assert (again.url, again.event_types) == (receiver.url, ["video.completed"])
    assert made.signing_secret not in again.to_json()
    changed = client.webhooks.update(made.id, name="other", event_types=["video.failed"])
    assert (changed.name, changed.event_types, changed.url) == (
        "other", ["video.failed"], receiver.url,
    )  # fmt: skip
    assert [each.id for each in client.webhooks.list()] == [made.id]
    rotated = client.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    assert rotated.signing_secret != made.signing_secret
    assert client.webhooks.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.webhooks.retrieve(made.id)


def test_a_test_event_is_sent_at_once_and_verifies(client: OpenAI, receiver: Receiver) -> None:
    made = client.webhooks.create(name="ours", url=receiver.url, event_types=["video.failed"])
    receiver.answers = [202]
    result = client.webhooks.test(made.id, event_type="video.failed")
    assert (result.status_code, result.event_type) == (202, "video.failed")
    ((headers, body),) = receiver.got
    client.webhooks.verify_signature(body, headers, secret=made.signing_secret)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/", "https"),
        ("https://user:pw@hooks.example/", "user name"),
        ("https://hooks.example:22/", "port"),
        ("ftp://hooks.example/", "https"),
        ("nonsense", "https"),
    ],
)
def test_a_url_that_is_never_allowed_is_refused_at_once(
    client: OpenAI, url: str, said: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        client.webhooks.create(name="ours", url=url, event_types=["video.failed"])
    assert caught.value.param == "url"


def test_a_test_event_to_a_private_address_is_refused(client: OpenAI) -> None:
    made = client.webhooks.create(
        name="inside", url="https://127.0.0.1/", event_types=["video.failed"]
    )
    with pytest.raises(openai.BadRequestError, match="public address"):
        client.webhooks.test(made.id, event_type="video.failed")


def test_another_tenants_endpoint_and_delivery_look_like_none(
    guarded: House, client: OpenAI, receiver: Receiver
) -> None:
    made = client.webhooks.create(name="ours", url=receiver.url, event_types=["video.failed"])
    video = guarded.client.post(
        "/v1/videos", json={"prompt": "a forbidden fox"}, headers={"authorization": "Bearer a"}
    )
    guarded.stages.work_off()
    listed = guarded.client.get("/v1/webhook_deliveries", headers={"authorization": "Bearer a"})
    (delivery,) = listed.json()["data"]
    assert (delivery["video_id"], delivery["status"]) == (video.json()["id"], "pending")

    stranger = httpx.Client(base_url=guarded.url, headers={"authorization": "Bearer b"})
    with stranger:
        for method, path in (
            ("GET", f"/v1/webhook_endpoints/{made.id}"),
            ("POST", f"/v1/webhook_endpoints/{made.id}"),
            ("DELETE", f"/v1/webhook_endpoints/{made.id}"),
            ("POST", f"/v1/webhook_endpoints/{made.id}/rotate_secret"),
            ("GET", f"/v1/webhook_deliveries/{delivery['id']}"),
            ("POST", f"/v1/webhook_deliveries/{delivery['id']}/replay"),
        ):
            own_id = made.id if made.id in path else delivery["id"]
            foreign = stranger.request(method, path, json={})
            unknown = stranger.request(method, path.replace(own_id, "no-such-id"), json={})
            assert (foreign.status_code, unknown.status_code) == (404, 404)
            assert foreign.text.replace(own_id, "no-such-id") == unknown.text
        assert stranger.get("/v1/webhook_endpoints").json()["data"] == []
        assert stranger.get("/v1/webhook_deliveries").json()["data"] == []


def test_deliveries_are_listed_by_status_and_replayed(
    guarded: House, client: OpenAI, receiver: Receiver
) -> None:
    client.webhooks.create(name="ours", url=receiver.url, event_types=["video.failed"])
    key = {"authorization": "Bearer a"}
    guarded.client.post("/v1/videos", json={"prompt": "a forbidden fox"}, headers=key)
    guarded.stages.work_off()

    def listed(status: str) -> list[dict[str, object]]:
        response = guarded.client.get(f"/v1/webhook_deliveries?status={status}", headers=key)
        return list(response.json()["data"])

    (delivery,) = listed("pending")
    assert listed("dead") == []
    replay = guarded.client.post(f"/v1/webhook_deliveries/{delivery['id']}/replay", headers=key)
    assert (replay.status_code, replay.json()["error"]["code"]) == (409, "illegal_transition")


def test_a_tenant_has_a_bounded_number_of_endpoints(client: OpenAI, receiver: Receiver) -> None:
    for _ in range(20):
        client.webhooks.create(name="ours", url=receiver.url, event_types=["video.failed"])
    with pytest.raises(openai.BadRequestError, match="delete one first"):
        client.webhooks.create(name="ours", url=receiver.url, event_types=["video.failed"])


def test_the_key_that_seals_secrets_is_made_once_and_readable_by_us_alone(tmp_path: Path) -> None:
    sealed = open_vault(Settings(data_dir=tmp_path)).seal("whsec_x")
    assert open_vault(Settings(data_dir=tmp_path)).open(sealed) == "whsec_x"
    assert (tmp_path / "webhook.keys").stat().st_mode & 0o777 == 0o600


def test_several_machines_need_a_key_file_of_the_operators(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="webhook_keys_file"):
        open_vault(Settings(data_dir=tmp_path, database_url="postgresql://db/x"))
    file = tmp_path / "keys"
    for text in ("", "not-a-fernet-key"):
        file.write_text(text)
        with pytest.raises(SettingsError, match="Fernet keys") as caught:
            open_vault(Settings(data_dir=tmp_path, webhook_keys_file=file))
        assert "not-a-fernet-key" not in str(caught.value)


def test_a_key_put_on_top_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    from cryptography.fernet import Fernet

    file = tmp_path / "keys"
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings = Settings(data_dir=tmp_path, webhook_keys_file=file)
    file.write_text(old)
    sealed = open_vault(settings).seal("whsec_x")
    file.write_text(f"{new}\n{old}\n")
    assert open_vault(settings).open(sealed) == "whsec_x"
    file.write_text(new)
    with pytest.raises(SettingsError, match="not in webhook_keys_file"):
        open_vault(settings).open(sealed)
