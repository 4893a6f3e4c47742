"""What a serveConfigV2 may tell an application, and what it may not."""

from __future__ import annotations

import pytest

from telecine_platform.errors import SettingsError
from telecine_serve.apps.arguments import arguments_from_args


def test_settings_of_the_args_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELECINE_LEASE_S", "20")
    monkeypatch.setenv("TELECINE_POLL_S", "0.5")
    arguments, settings = arguments_from_args(
        {"settings": {"lease_s": 30}, "resources": {"telecine_screening": 1}}
    )
    assert (settings.lease_s, settings.poll_s) == (30, 0.5)
    assert arguments.resources == {"telecine_screening": 1}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"setings": {}}, "setings"),
        ({"settings": {"leese_s": 30}}, "leese_s: no such setting"),
        ({"settings": {"lease_s": -1}}, "greater than 0"),
        ({"settings": {"database_url": "postgresql://u:secret@db/t"}}, "may hold a password"),
        ({"resources": {"telecine_screening": "many"}}, "resources"),
    ],
)
def test_wrong_args_are_refused_with_their_name(args: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        arguments_from_args(args)
    assert "secret" not in str(caught.value)
