"""Pieces of HTML. Invariant: every text from outside passes `escape`; pieces are joined raw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

STYLE_PATH = "/takedowns/style.css"


def document(title: str, body: str, *, is_signed_in: bool) -> str:
    """A whole page."""
    out = post("session/end", "", "Sign out") if is_signed_in else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{STYLE_PATH}"></head>'
        f'<body><header><h1>{escape(title)}</h1><nav><a href="/takedowns">Overview</a></nav>{out}'
        f"</header><main>{body}</main></body></html>"
    )


def section(heading: str, *pieces: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{''.join(pieces)}</section>"


def paragraph(text: str, kind: str = "") -> str:
    """`kind`: `hint`, `quiet`, `done`, or `alert`, which is read out at once."""
    attributes = f' class="{kind}"' if kind else ""
    attributes += {"alert": ' role="alert"', "done": ' role="status"'}.get(kind, "")
    return f"<p{attributes}>{escape(text)}</p>"


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """`rows` are pieces, escaped already."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def post(action: str, fields: str, button: str, *, has_file: bool = False) -> str:
    """A form that changes something; `action` is below `/takedowns/`."""
    encoding = ' enctype="multipart/form-data"' if has_file else ""
    kind = ' class="inline"' if not fields else ""
    return (
        f'<form method="post" action="/takedowns/{escape(action)}"{encoding}{kind}>{fields}'
        f"<button>{escape(button)}</button></form>"
    )


def line(name: str, label: str, hint: str = "", *, kind: str = "text", value: str = "") -> str:
    """A field of one line; a required one has no hint that says otherwise."""
    about = f' aria-describedby="{name}-hint"' if hint else ""
    told = f'<p class="hint" id="{name}-hint">{escape(hint)}</p>' if hint else ""
    needed = "" if hint.startswith("Optional") else " required"
    return (
        f'<label for="{name}">{escape(label)}</label>{told}<input type="{kind}" id="{name}" '
        f'name="{name}" value="{escape(value)}" maxlength="2000"{about}{needed}>'
    )


def text_area(name: str, label: str, id_: str) -> str:
    return (
        f'<label for="{id_}">{escape(label)}</label>'
        f'<textarea id="{id_}" name="{name}" maxlength="4000" required></textarea>'
    )


def choice(name: str, label: str, options: Iterable[str]) -> str:
    items = "".join(f"<option>{escape(option)}</option>" for option in options)
    head = f'<label for="{name}">{escape(label)}</label>'
    return f'{head}<select id="{name}" name="{name}">{items}</select>'


def file_field(name: str, label: str, hint: str) -> str:
    return (
        f'<label for="{name}">{escape(label)}</label><p class="hint" id="{name}-hint">'
        f'{escape(hint)}</p><input type="file" id="{name}" name="{name}" '
        f'aria-describedby="{name}-hint">'
    )


def declaration(text: str, id_: str) -> str:
    """A box that has to be ticked."""
    return (
        f'<label class="check" for="{id_}"><input type="checkbox" id="{id_}" '
        f'name="is_in_good_faith" value="true" required> {escape(text)}</label>'
    )


def link(path: str, text: str) -> str:
    return f'<a href="/takedowns/{escape(path)}">{escape(text)}</a>'


def code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def state(text: str) -> str:
    return f'<strong class="state">{escape(text)}</strong>'


def time_piece(at: datetime | None) -> str:
    if at is None:
        return ""
    return f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M} UTC</time>'
