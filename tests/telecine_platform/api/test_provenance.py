"""`POST /v1/provenance/lookup`: what it takes, and who sees how much."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.access.callers import Caller, Scope
from telecine_platform.api.provenance import view_from_lookup
from telecine_platform.clips.lookup import FoundBy, LookedUp
from telecine_platform.clips.records import ReleasedClip
from telecine_safeguards.provenance.examine import FoundMark
from tests.records import at
from tests.telecine_platform.api.house import House, open_house

CLIP = ReleasedClip(
    job_id="video_1",
    epoch=3,
    tenant_id="acme",
    model="embedded",
    mark_id=0xAB,
    file_sha256="f" * 64,
    registry_version="test-1",
    grants=("grant_1",),
    released_at=at(0),
    is_deleted=False,
)
FOUND = LookedUp(
    found_by=FoundBy.MARK, clip=CLIP, manifest=None, mark=FoundMark(mark_id=0xAB, num_corrected=4)
)


def caller(tenant_id: str, *scopes: Scope) -> Caller:
    return Caller(tenant_id=tenant_id, scopes=frozenset({Scope.READ, *scopes}))


def test_stranger_learns_that_we_made_it_on_which_day_and_no_more() -> None:
    view = view_from_lookup(FOUND, caller("other"))
    assert (view.is_found, view.model) == (True, "embedded")
    assert (view.video_id, view.record) == (None, None)
    assert view.released_at is not None
    assert view.released_at % 86_400 == 0


def test_owner_learns_which_video_it_is() -> None:
    view = view_from_lookup(FOUND, caller("acme"))
    assert (view.video_id, view.record) == ("video_1", None)


@pytest.mark.parametrize("scope", [Scope.REVIEW, Scope.ADMIN])
def test_auditor_sees_the_record(scope: Scope) -> None:
    view = view_from_lookup(FOUND, caller("other", scope))
    assert view.record is not None
    assert (view.record.tenant_id, view.record.mark) == ("acme", "00000000ab")
    assert (view.record.num_corrected_bits, view.record.licences) == (4, ["grant_1"])


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"files": {"file": ("a.mp4", b"no video at all")}}, "unreadable_clip"),
        ({"files": {"file": ("a.mp4", b"")}}, "unreadable_clip"),
        ({"files": {"clip": ("a.mp4", b"x")}}, "invalid_request"),
        ({"json": {}}, "invalid_request"),
        ({"content": b"x", "headers": {"content-type": "video/mp4"}}, "unsupported_content_type"),
    ],
    ids=["no video", "empty", "another field", "no file", "no form"],
)
def test_bad_uploads_are_refused(house: House, form: dict[str, object], code: str) -> None:
    response = house.client.post("/v1/provenance/lookup", **form)  # type: ignore[arg-type]
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == code


def test_upload_over_the_limit_is_refused(house: House) -> None:
    files = {"file": ("a.mp4", bytes(17 * 2**20))}
    response = house.client.post("/v1/provenance/lookup", files=files)
    assert response.status_code == 413


def test_installation_without_keys_says_so(tmp_path: Path) -> None:
    with open_house(tmp_path, mark_keys_file=tmp_path / "none") as house:
        response = house.client.post("/v1/provenance/lookup", files={"file": ("a.mp4", b"x")})
    assert response.json()["error"]["code"] == "provenance_not_set_up"
