"""Making, rotating and revoking keys while an API follows the file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from telecine_platform.access.callers import PLAIN_SCOPES, Scope
from telecine_platform.access.keys import ApiKey
from telecine_platform.access.keys_edit import add_key, revoke_key, rotate_key
from telecine_platform.access.keys_file import read_keys
from telecine_platform.access.keys_follow import CHECK_S, FollowedKeys
from telecine_platform.errors import NotFound, SettingsError, Unauthenticated
from tests.records import START, at

DAY = timedelta(days=1)


class Watch:
    """A clock that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def new_key(file: Path, tenant_id: str = "acme") -> tuple[str, ApiKey]:
    return add_key(file, tenant_id=tenant_id, scopes=PLAIN_SCOPES, name="ci", expires_at=None)


def test_a_new_key_opens_and_the_file_does_not_hold_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    text, key = new_key(file)
    assert read_keys(file).caller_from_key(text, START).tenant_id == "acme"
    assert key.prefix is not None
    assert text.startswith(key.prefix)
    assert key.prefix in file.read_text()
    assert text.removeprefix(key.prefix) not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_during_a_rotation_both_keys_hold_and_then_only_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    scopes = frozenset({Scope.ADMIN})
    old, key = add_key(file, tenant_id="acme", scopes=scopes, name="ops", expires_at=None)
    new, successor = rotate_key(file, key.label, keep=DAY, now=START)
    keys = read_keys(file)
    assert (successor.scopes, successor.name, successor.expires_at) == (scopes, "ops", None)
    for text in (old, new):
        assert keys.caller_from_key(text, START).scopes == scopes
    with pytest.raises(Unauthenticated, match="expired"):
        keys.caller_from_key(old, START + DAY)
    assert keys.caller_from_key(new, START + DAY).tenant_id == "acme"


def test_rotating_twice_does_not_prolong_the_old_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    _, key = new_key(file)
    rotate_key(file, key.label, keep=DAY, now=START)
    rotate_key(file, key.label, keep=DAY, now=at(3600))
    (old,) = (each for each in read_keys(file).keys if each.label == key.label)
    assert old.expires_at == START + DAY
    with pytest.raises(NotFound, match="expired"):
        rotate_key(file, key.label, keep=DAY, now=START + DAY)


def test_a_revoked_key_is_gone_but_the_last_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    _, first = new_key(file)
    _, second = new_key(file, "other")
    assert revoke_key(file, first.label).tenant_id == "acme"
    assert [key.label for key in read_keys(file).keys] == [second.label]
    with pytest.raises(SettingsError, match="only key"):
        revoke_key(file, second.label)
    with pytest.raises(NotFound, match="telecine keys list"):
        revoke_key(file, first.label)


def test_two_changes_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: new_key(file, f"tenant-{number}"), range(12)))
    keys = read_keys(file)
    assert {keys.caller_from_key(text, START).tenant_id for text, _ in made} == {
        f"tenant-{number}" for number in range(12)
    }


def test_a_running_api_takes_a_change_within_a_second(tmp_path: Path) -> None:
    file, watch = tmp_path / "keys.yaml", Watch()
    new_key(file)
    followed = FollowedKeys(file, watch)
    text, _ = new_key(file)
    with pytest.raises(Unauthenticated):
        followed.current().caller_from_key(text, START)
    watch.now_s = CHECK_S
    assert followed.current().caller_from_key(text, START).tenant_id == "acme"


@pytest.mark.parametrize("broken", ["acme: [oops", None])
def test_a_file_that_breaks_keeps_the_old_keys_and_says_so(
    tmp_path: Path, broken: str | None
) -> None:
    file, watch = tmp_path / "keys.yaml", Watch()
    text, _ = new_key(file)
    good = file.read_text()
    followed = FollowedKeys(file, watch)
    file.unlink()
    if broken is not None:
        file.write_text(broken)
    watch.now_s += CHECK_S
    assert followed.current().caller_from_key(text, START).tenant_id == "acme"
    assert followed.problem is not None
    assert "keys.yaml" in followed.problem
    file.write_text(good + "\n# mended")
    watch.now_s += CHECK_S
    followed.current()
    assert followed.problem is None
