"""Money as whole minor units of a currency, and how it is split. No floats anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

_EXPONENTS: Final = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
         "VND", "VUV", "XAF", "XOF", "XPF"), 0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
"""Decimal places of the minor unit where they are not two. Source: ISO 4217:2015, table A.1."""


def minor_digits(currency: str) -> int:
    """Decimal places of a currency: 2 for USD, 0 for JPY."""
    return _EXPONENTS.get(currency, 2)


def minor_from_price(price: Decimal, currency: str) -> int:
    """`1.50` USD is 150. What is finer than the minor unit is rounded half to even.

    New grants cannot be finer (`is_whole_minor`); only ones from before that rule can.
    """
    return int(price.scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_EVEN))


def is_whole_minor(price: Decimal, currency: str) -> bool:
    """Whether the price can be paid exactly."""
    scaled = price.scaleb(minor_digits(currency))
    return scaled == scaled.to_integral_value()


def price_from_minor(amount_minor: int, currency: str) -> str:
    """`150` USD is `1.50`."""
    digits = minor_digits(currency)
    return f"{Decimal(amount_minor).scaleb(-digits):.{digits}f}"


def split(amount_minor: int, parts: Mapping[str, int]) -> dict[str, int]:
    """Share an amount by whole parts, by the largest remainder; the shares sum exactly.

    Every holder gets its share rounded down; the units that are left go one by one to the largest
    remainders, and of equal ones to the first name. Raises ValueError without positive parts.
    """
    total = sum(parts.values())
    if total <= 0 or min(parts.values()) < 0:
        raise ValueError(f"parts must be positive, not {dict(parts)}")
    shares = {holder: amount_minor * each // total for holder, each in parts.items()}
    left = amount_minor - sum(shares.values())
    by_remainder = sorted(
        parts, key=lambda holder: (-(amount_minor * parts[holder] % total), holder)
    )
    for holder in by_remainder[:left]:
        shares[holder] += 1
    return shares
