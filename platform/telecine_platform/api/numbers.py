"""Numbers that may arrive as text."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field


def _whole_number(value: object) -> object:
    """Forms carry every number as text."""
    is_text = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value)
    return int(str(value)) if is_text else value


def _decimal_number(value: object) -> object:
    is_text = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", value)
    return float(str(value)) if is_text else value


WholeNumber = Annotated[int, BeforeValidator(_whole_number), Field(strict=True)]
DecimalNumber = Annotated[
    float, BeforeValidator(_decimal_number), Field(strict=True, allow_inf_nan=False)
]
