"""`telecine screen` and `telecine rights` on a database of their own, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from telecine_platform.errors import TelecineError
from telecine_serve.cli.main import cli, exit_code_from_error

ZORB = {"id": "zorb", "kind": "character", "name": "Zorbulon", "rights_holder": "Zorb Studios"}
SEED = "version: test\nentities:\n- {id: robo, kind: brand, name: Robolux, rights_holder: Lux}\n"


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seed.yaml").write_text(SEED)
    monkeypatch.setenv("TELECINE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TELECINE_REGISTRY_FILE", str(tmp_path / "seed.yaml"))
    monkeypatch.setenv("TELECINE_SCREENING_MODEL", "none")
    monkeypatch.chdir(tmp_path)


def telecine(*arguments: str, said: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=said)


def ok(*arguments: str, said: str | None = None) -> str:
    result = telecine(*arguments, said=said)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refused(*arguments: str, said: str | bytes | None = None) -> str:
    error = telecine(*arguments, said=said).exception
    assert isinstance(error, TelecineError), error
    assert exit_code_from_error(error) in (1, 2)
    return str(error)


def test_screen_says_what_would_be_decided() -> None:
    allowed = telecine("screen", "a red circle")
    assert (allowed.exit_code, allowed.stdout.split()[0]) == (0, "ALLOW")
    named = telecine("screen", "R0b0lux in the rain", "--json")
    verdict = json.loads(named.stdout)
    assert named.exit_code == 1
    assert (verdict["findings"][0]["entity_id"], verdict["action"] == "allow") == ("robo", False)


def test_screen_reads_a_line_a_prompt_and_skips_blank_ones(tmp_path: Path) -> None:
    lines = "a red circle\n\n   \nRobolux waves\na cat\r\n"
    (tmp_path / "prompts.txt").write_text(lines)
    for result in (
        telecine("screen", "--json", said=lines),
        telecine("screen", "--json", "--file", "prompts.txt"),
    ):
        actions = [json.loads(line)["action"] for line in result.stdout.splitlines()]
        assert (result.exit_code, len(actions)) == (1, 3)
        assert [action == "allow" for action in actions] == [True, False, True]


@pytest.mark.parametrize(
    ("lines", "message"),
    [(b"\xff\xfe\n", "line 1 is not UTF-8"), (b"ok\n" + b"x" * 4001, "line 2 has 4001")],
)
def test_screen_refuses_what_is_no_prompt(lines: bytes, message: str) -> None:
    assert message in refused("screen", said=lines)


def test_screen_takes_strange_prompts() -> None:
    for prompt in ("\u202eabc", "🦊🦊🦊", "שלום", "\u200b", "ａｂｃ"):
        assert telecine("screen", prompt).exit_code == 0


def test_entity_is_registered_granted_and_revoked() -> None:
    assert "proposed" in ok("rights", "propose", "-", said=json.dumps(ZORB))
    assert "verified" in ok("rights", "verify", "zorb", "--owner", "studio")
    listed = [json.loads(line) for line in ok("rights", "list", "--json").splitlines()]
    assert [(each["id"], each["owner_tenant_id"]) for each in listed] == [
        ("robo", None),
        ("zorb", "studio"),
    ]
    assert ok("rights", "list", "--kind", "brand", "--name", "robo").startswith("robo ")
    ok("rights", "grant", "zorb", "acme", "--id", "g1", "--price", "1.5", "--region", "EU")
    assert "g1" in refused("rights", "grant", "zorb", "acme", "--price", "2")
    assert "until revoked" in ok("rights", "grants", "--entity", "zorb")
    assert "revoked at" in ok("rights", "revoke", "g1")
    assert ok("rights", "uses", "g1") == ""
    assert ok("rights", "uses", "--entity", "zorb") == ""
    ok("rights", "dispute", "zorb")
    assert "withdrawn" in ok("rights", "withdraw", "zorb")


@pytest.mark.parametrize("arguments", [(), ("g1", "--entity", "zorb")])
def test_uses_are_those_of_a_grant_or_of_an_entity(arguments: tuple[str, ...]) -> None:
    assert telecine("rights", "uses", *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said", "message"),
    [
        (("propose", "-"), "no json", "no JSON object"),
        (("propose", "-"), "[1]", "one JSON object"),
        (("propose", "-"), '{"id": "x"}', "kind is required"),
        (("verify", "nobody"), None, "no entity"),
        (("verify", "robo", "--owner", "a b"), None, "no tenant name"),
        (("grant", "nobody", "acme"), None, "no entity"),
        (("grant", "robo", "acme", "--price", "much"), None, "no decimal"),
        (("grant", "robo", "acme", "--ends-at", "2001-01-01T00:00:00Z"), None, "ends before"),
        (("revoke", "g9"), None, "no grant"),
        (("uses", "g9"), None, "no grant"),
        (("uses", "--entity", "nobody"), None, "no entity"),
        (("export", "x.jsonl"), None, "registry_private_key_file"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], said: str | None, message: str) -> None:
    assert message in refused("rights", *arguments, said=said)


def test_signed_file_travels_and_a_spoilt_one_does_not(tmp_path: Path) -> None:
    ok("rights", "new-key", "key.pem")
    ok("rights", "export", "registry.jsonl", "--private-key", "key.pem")
    public = ("--public-key", "key.pem.pub")
    report = json.loads(ok("rights", "import", "registry.jsonl", "--json", *public))
    assert report["num_changed"] == 0
    file = tmp_path / "registry.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Robolux", b"Robulux"))
    assert "signature" in refused("rights", "import", "registry.jsonl", *public)
    assert json.loads(ok("rights", "list", "--json"))["name"] == "Robolux"
