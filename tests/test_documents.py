"""What the documents say is what the code does."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import click
import pytest

from telecine_platform import settings
from telecine_serve.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]


def settings_table() -> str:
    """The rows of docs/settings.md, from the class itself."""
    (body,) = (
        node.body
        for node in ast.parse(Path(settings.__file__).read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    rows = []
    for field, why in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(why, ast.Expr):
            assert isinstance(field.target, ast.Name)
            name, reason = field.target.id, " ".join(ast.literal_eval(why.value).split())
            default = settings.Settings.model_fields[name].default
            rows.append(f"| `{name}` | {_shown(default)} | {reason} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default is None or default == "":
        return ""
    return f"`{default:.12g}`" if isinstance(default, float) else f"`{default}`"


def test_every_setting_is_documented_as_it_is() -> None:
    document = (ROOT / "docs" / "settings.md").read_text()
    missing = [row for row in settings_table().splitlines() if row not in document]
    assert missing == [], "put these rows into docs/settings.md:\n" + "\n".join(missing)


def test_links_between_documents_lead_somewhere() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    broken = [
        f"{name}: {link}"
        for name in listed.stdout.split()
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text())
        if "://" not in link and not ((ROOT / name).parent / link).exists()
    ]
    assert broken == []


def _code_lines(document: Path) -> list[str]:
    """Commands in the document's code blocks; a backslash joins a line with the next one."""
    blocks = re.findall(r"^ *```(?:sh|bash)?\n(.*?)^ *```", document.read_text(), re.DOTALL | re.M)
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines()]


def _documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _check_command(words: list[str]) -> None:
    """Let click parse the words and run nothing."""
    command: click.Command = cli
    context = click.Context(cli, info_name="telecine")
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    command.parse_args(context, list(words))


@pytest.mark.parametrize("document", _documents(), ids=lambda path: path.name)
def test_every_command_in_a_document_is_one(document: Path) -> None:
    wrong = []
    for line in _code_lines(document):
        if line.startswith("telecine "):
            try:
                without_options = re.sub(r"\[[^\]]*\]", "", line)  # a synopsis: [--csv | --json]
                _check_command(shlex.split(without_options, comments=True)[1:])
            except click.exceptions.Exit:  # --help
                continue
            except click.ClickException as error:
                wrong.append(f"{line}: {error.format_message()}")
    assert wrong == []


def test_a_wrong_command_in_a_document_is_found() -> None:
    for words in (["upgrade", "preview", "old"], ["status", "--colour", "red"], ["stat"]):
        with pytest.raises(click.ClickException):
            _check_command(words)


@pytest.mark.parametrize("document", _documents(), ids=lambda path: path.name)
def test_every_file_that_a_command_names_is_there(document: Path) -> None:
    """Paths below our own folders in its commands, and modules that are run."""
    text = "\n".join(_code_lines(document))
    folders = "helm|terraform|images|loadtests|platform|serve|safeguards|tests|docs|decisions"
    paths = set(re.findall(rf"(?<![\w./…-])((?:{folders})/[\w./-]*\w/?)", text))
    modules = {
        name.replace(".", "/") + ".py"
        for name in re.findall(r"-m ((?:loadtests|tests)\.[\w.]*\w)", text)
    }
    missing = sorted(name for name in paths | modules if not (ROOT / name).exists())
    assert missing == []
