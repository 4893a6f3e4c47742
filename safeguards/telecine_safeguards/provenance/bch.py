"""The binary BCH code (127, 64): 64 bits in 127, any 10 wrong bits corrected.

Textbook construction over GF(2^7): the generator is the product of the minimal polynomials of
a^1 ... a^20 (S. Lin, D. Costello, Error Control Coding, 2nd ed., chapter 6); decoding by
Berlekamp and Massey and Chien's search. Words are Python integers, bit i is the coefficient of x^i.
"""

from __future__ import annotations

from typing import Final

CODE_BITS: Final = 127
DATA_BITS: Final = 64
MAX_ERRORS: Final = 10
_FIELD_POLYNOMIAL: Final = 0b10001001
"""x^7 + x^3 + 1, primitive."""


def encode(data: int) -> int:
    """The code word of 64 data bits, which are its upper bits. Raises ValueError for more bits."""
    if not 0 <= data < 1 << DATA_BITS:
        raise ValueError(f"BCH(127, 64) takes {DATA_BITS} bits, got {data.bit_length()}")
    shifted = data << _CHECK_BITS
    return shifted | _remainder(shifted)


def data_from_code(code: int) -> int:
    """The data bits of a code word."""
    return code >> _CHECK_BITS


def decode(word: int) -> int | None:
    """The code word within 10 bits of `word`; None where there is none."""
    syndromes = [_evaluate(word, power) for power in range(1, 2 * MAX_ERRORS + 1)]
    if not any(syndromes):
        return word
    locator = _berlekamp_massey(syndromes)
    num_errors = len(locator) - 1
    if num_errors > MAX_ERRORS:
        return None
    wrong = [place for place in range(CODE_BITS) if _is_root(locator, -place)]
    if len(wrong) != num_errors:
        return None
    for place in wrong:
        word ^= 1 << place
    return word


def _field() -> tuple[list[int], list[int]]:
    """a^i for i up to twice the group's order, and the logarithm of each element."""
    exponents, logarithms, element = [0] * (2 * CODE_BITS), [0] * (CODE_BITS + 1), 1
    for power in range(CODE_BITS):
        exponents[power] = exponents[power + CODE_BITS] = element
        logarithms[element] = power
        element <<= 1
        if element > CODE_BITS:
            element ^= _FIELD_POLYNOMIAL
    return exponents, logarithms


_EXP, _LOG = _field()


def _times(left: int, right: int) -> int:
    return _EXP[_LOG[left] + _LOG[right]] if left and right else 0


def _over(left: int, right: int) -> int:
    return _EXP[_LOG[left] - _LOG[right] + CODE_BITS] if left else 0


def _generator() -> int:
    """Multiply (x + a^i) over the union of the cyclotomic cosets of 1 ... 2t."""
    roots: set[int] = set()
    for power in range(1, 2 * MAX_ERRORS + 1):
        for _ in range(7):
            roots.add(power)
            power = power * 2 % CODE_BITS
    product = [1]  # coefficients in GF(2^7), lowest first; in the end each is 0 or 1
    for root in sorted(roots):
        shifted = [0, *product]
        scaled = [*(_times(factor, _EXP[root]) for factor in product), 0]
        product = [one ^ other for one, other in zip(shifted, scaled, strict=True)]
    return sum(factor << power for power, factor in enumerate(product))


_GENERATOR = _generator()
_CHECK_BITS = _GENERATOR.bit_length() - 1


def _remainder(word: int) -> int:
    while word.bit_length() > _CHECK_BITS:
        word ^= _GENERATOR << (word.bit_length() - 1 - _CHECK_BITS)
    return word


def _evaluate(word: int, power: int) -> int:
    """The word's polynomial at a^power."""
    value = 0
    for place in range(word.bit_length()):
        if word >> place & 1:
            value ^= _EXP[place * power % CODE_BITS]
    return value


def _berlekamp_massey(syndromes: list[int]) -> list[int]:
    """The shortest polynomial, lowest coefficient first, whose roots are the errors' inverses."""
    current, previous = [1], [1]
    length, gap, last = 0, 1, 1
    for step, syndrome in enumerate(syndromes):
        discrepancy = syndrome
        for index in range(1, min(length, len(current) - 1) + 1):
            discrepancy ^= _times(current[index], syndromes[step - index])
        if discrepancy == 0:
            gap += 1
            continue
        factor = _over(discrepancy, last)
        shifted = [0] * gap + [_times(factor, each) for each in previous]
        padded = current + [0] * (len(shifted) - len(current))
        shifted += [0] * (len(padded) - len(shifted))
        corrected = [one ^ other for one, other in zip(padded, shifted, strict=True)]
        if 2 * length <= step:
            previous, length, last, gap = current, step + 1 - length, discrepancy, 1
        else:
            gap += 1
        current = corrected
    while len(current) > 1 and current[-1] == 0:
        current.pop()
    return current


def _is_root(polynomial: list[int], power: int) -> bool:
    value = 0
    for degree, factor in enumerate(polynomial):
        if factor:
            value ^= _EXP[(_LOG[factor] + degree * power) % CODE_BITS]
    return value == 0
