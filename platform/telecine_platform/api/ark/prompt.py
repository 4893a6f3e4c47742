"""Ark's older way of giving parameters: words after the prompt, as `a cat --rt 16:9 --dur 5`.

Source of the names: Volcengine's "create a video generation task" reference, which has a long and a
short word for each. They are cut off before the prompt is screened or shown.
"""

from __future__ import annotations

import re

_FIELDS = {
    "resolution": "resolution", "rs": "resolution",
    "ratio": "ratio", "rt": "ratio",
    "duration": "duration", "dur": "duration",
    "frames": "frames",
    "framespersecond": "framespersecond", "fps": "framespersecond",
    "seed": "seed",
    "watermark": "watermark", "wm": "watermark",
    "camerafixed": "camera_fixed", "cf": "camera_fixed",
}  # fmt: skip
_WORD = re.compile(rf"(?:^|\s+)--({'|'.join(_FIELDS)})\s+(\S+)\s*$")


def split_prompt(text: str) -> tuple[str, dict[str, object]]:
    """The prompt proper, and the fields that its last words give, as text.

    Words that are not Ark's stay in the prompt. Of one that is given twice the last counts.
    """
    fields: dict[str, object] = {}
    while match := _WORD.search(text):
        fields.setdefault(_FIELDS[match.group(1)], _plain(match.group(2)))
        text = text[: match.start()]
    return text.rstrip() if fields else text, fields


def _plain(word: str) -> object:
    return {"true": True, "false": False}.get(word.lower(), word)
