"""The chain: each entry's hash covers its content, its number and the hash before it.

So an entry cannot be changed, taken out or put elsewhere without a hash that no longer fits, and
who computes all later hashes anew is found out by the next signed head. Rows that come after the
last head and are cut off again leave no trace here: that is what frequent heads are for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from telecine_safeguards.ledger.events import Event, canonical, utc_text

GENESIS: Final = "0" * 64
"""What stands for the hash before the first entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sealed event."""

    number: int
    """From 1, without gaps."""
    at: datetime
    kind: str
    """An `EventKind`, as long as nobody has changed the row."""
    subject: str
    body: str
    previous: str
    """Hash of the entry before, 64 hexadecimal digits."""
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The chain's end at one moment."""

    number: int
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One place where the chain does not hold."""

    number: int
    """The row."""
    what: str


def line_from_entry(entry: Entry) -> str:
    """What is hashed: the entry as one line of canonical JSON, without its own hash."""
    return _line(entry.number, entry.at, entry.kind, entry.subject, entry.body, entry.previous)


def seal(last: Head | None, events: Iterable[Event]) -> list[Entry]:
    """Chain events behind the last entry; None: they are the first."""
    number, previous = (0, GENESIS) if last is None else (last.number, last.hash)
    entries = []
    for event in events:
        number += 1
        line = _line(number, event.at, event.kind, event.subject, event.body, previous)
        entry = Entry(
            number=number,
            at=event.at,
            kind=event.kind,
            subject=event.subject,
            body=event.body,
            previous=previous,
            hash=_sha256(line),
        )
        entries.append(entry)
        previous = entry.hash
    return entries


def find_faults(
    entries: Iterable[Entry], heads: Sequence[Head] = (), start: Head | None = None
) -> Iterator[Fault]:
    """Every place where the entries, in the order of their numbers, are not what was written.

    `heads` are believed: check their signatures before. An empty result means that all entries up
    to the last head are the ones that were sealed. `start`: the entries go on from this head.
    """
    hashes = _hashes(heads)
    number, previous = (0, GENESIS) if start is None else (start.number, start.hash)
    agreed = number
    for entry in entries:
        if entry.number <= number:
            yield Fault(number=entry.number, what="comes twice, or out of order")
            continue
        if entry.number > number + 1:
            yield Fault(number=number + 1, what=_missing(number + 1, entry.number - 1))
        is_next = entry.number == number + 1
        if entry.hash != _sha256(line_from_entry(entry)):
            yield Fault(number=entry.number, what="was changed: its hash does not fit its content")
        elif is_next and entry.previous != previous:
            yield Fault(
                number=max(number, 1),
                what=f"was changed and hashed anew: row {entry.number} follows another hash",
            )
        signed = hashes.get(entry.number, entry.hash)
        if signed != entry.hash:
            yield Fault(
                number=entry.number,
                what=f"is not what was signed: something from row {agreed + 1} on was rewritten",
            )
        elif entry.number in hashes:
            agreed = entry.number
        number, previous = entry.number, entry.hash
    last = max(heads, key=lambda head: head.number, default=None)
    if last is not None and last.number > number:
        when = utc_text(last.at)
        yield Fault(
            number=number + 1,
            what=f"{_missing(number + 1, last.number)}: the head of {when} had them",
        )


def _hashes(heads: Sequence[Head]) -> Mapping[int, str]:
    """The signed hash of each number; two that differ fit no entry."""
    hashes: dict[int, str] = {}
    for head in heads:
        known = hashes.setdefault(head.number, head.hash)
        if known != head.hash:
            hashes[head.number] = "two heads that differ"
    return hashes


def _missing(first: int, last: int) -> str:
    return "is missing" if first == last else f"is missing, with all rows to {last}"


def _line(number: int, at: datetime, kind: str, subject: str, body: str, previous: str) -> str:
    """Keys in the order of `canonical`; the body goes in as it is stored, letter for letter."""
    start = canonical({"at": utc_text(at)})[:-1]
    rest = canonical({"kind": kind, "number": number, "previous": previous, "subject": subject})
    return f'{start},"body":{body},{rest[1:]}'


def _sha256(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8", errors="surrogatepass")).hexdigest()
