"""Whatever is done to a sealed chain is found, and the row is named."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from telecine_safeguards.errors import LedgerError
from telecine_safeguards.ledger.chain import (
    Entry,
    Head,
    find_faults,
    line_from_entry,
    seal,
)
from telecine_safeguards.ledger.events import Event, EventKind, canonical, digest
from telecine_safeguards.ledger.heads import head_from_signed, signed_from_head
from tests.records import at

few = settings(max_examples=20, deadline=None)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
bodies = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)
chains = st.lists(bodies, min_size=2, max_size=8).map(lambda each: chain(*each))


def chain(*contents: dict[str, int | str]) -> list[Entry]:
    return seal(
        None,
        [
            Event(
                at=at(number), kind=EventKind.DECISION, subject=f"job {number}", body=canonical(c)
            )
            for number, c in enumerate(contents)
        ],
    )


def head_of(entries: list[Entry], number: int) -> Head:
    return Head(number=number, hash=entries[number - 1].hash, at=at(99))


def rows(entries: list[Entry], *heads: Head) -> list[int]:
    """Which rows are named."""
    return [fault.number for fault in find_faults(entries, heads)]


def sealed_anew(entries: list[Entry], start: int) -> list[Entry]:
    """What somebody would do who can compute hashes: from row `start` on all of them fit."""
    events = [
        Event(at=e.at, kind=EventKind(e.kind), subject=e.subject, body=e.body)
        for e in entries[start - 1 :]
    ]
    last = entries[start - 2] if start > 1 else None
    before = None if last is None else Head(number=last.number, hash=last.hash, at=last.at)
    return entries[: start - 1] + seal(before, events)


@few
@given(chains)
def test_untouched_chain_has_no_faults(entries: list[Entry]) -> None:
    assert rows(entries, head_of(entries, 1), head_of(entries, len(entries))) == []
    assert seal(head_of(entries, 1), _events(entries)[1:]) == entries[1:]


@few
@given(chains, st.data())
def test_changed_row_is_named(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    change = data.draw(
        st.sampled_from(
            [{"body": '{"other":1}'}, {"subject": "other"}, {"kind": "release"}, {"at": at(-1)}]
        )
    )
    entries[index] = replace(entries[index], **change)  # type: ignore[arg-type]
    assert rows(entries) == [index + 1]


@few
@given(chains, st.data())
def test_row_changed_with_its_hash_is_named_by_the_next_one(
    entries: list[Entry], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(entries) - 2))
    changed = replace(entries[index], body='{"other":1}')
    later = entries[index + 1 :]
    entries = sealed_anew([*entries[:index], changed], index + 1) + later
    assert rows(entries) == [index + 1]


@few
@given(chains, st.data())
def test_deleted_row_is_named(entries: list[Entry], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 2))
    del entries[index]
    assert rows(entries)[0] == index + 1


@few
@given(chains, st.data())
def test_swapped_rows_are_named(entries: list[Entry], data: st.DataObject) -> None:
    one = data.draw(st.integers(0, len(entries) - 2))
    other = data.draw(st.integers(one + 1, len(entries) - 1))
    first, second = entries[one], entries[other]
    entries[one] = replace(second, number=first.number)
    entries[other] = replace(first, number=second.number)
    assert {one + 1, other + 1} <= set(rows(entries))


@few
@given(chains, st.data())
def test_cut_tail_is_found_by_the_head(entries: list[Entry], data: st.DataObject) -> None:
    head = head_of(entries, len(entries))
    kept = data.draw(st.integers(0, len(entries) - 1))
    assert rows(entries[:kept]) == []
    assert rows(entries[:kept], head) == [kept + 1]


@few
@given(chains, st.data())
def test_chain_written_anew_is_found_by_the_head(entries: list[Entry], data: st.DataObject) -> None:
    head = head_of(entries, len(entries))
    index = data.draw(st.integers(0, len(entries) - 1))
    changed = [*entries[:index], replace(entries[index], body='{"other":1}'), *entries[index + 1 :]]
    changed = sealed_anew(changed, index + 1)
    assert rows(changed) == []
    (fault,) = find_faults(changed, [head_of(entries, index), head] if index else [head])
    assert f"from row {index + 1} on" in fault.what


def test_rows_that_come_twice_are_found() -> None:
    first, second = chain({}, {})
    assert rows([first, first, second]) == [1]


def test_two_heads_of_one_row_that_differ_are_found() -> None:
    entries = chain({}, {})
    assert rows(entries, head_of(entries, 2), replace(head_of(entries, 2), hash="0" * 64)) == [2]


def test_hash_can_be_recomputed_from_the_exported_line() -> None:
    """By anybody, from the documented form alone."""
    for entry in chain({"b": "ü", "a": 1}, {}):
        line = line_from_entry(entry)
        assert hashlib.sha256(line.encode()).hexdigest() == entry.hash
        value = json.loads(line)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert again == line


def test_floats_are_refused_and_texts_only_digested() -> None:
    with pytest.raises(ValueError, match="no floats"):
        canonical({"deep": [{"score": 0.5}]})
    assert digest({"score": 0.5, "text": "a prompt"}) != digest({"score": 0.5, "text": "another"})


@few
@given(st.integers(0, 300))
def test_signed_head_is_read_back_and_one_wrong_byte_refused(position: int) -> None:
    head = Head(number=7, hash="ab" * 32, at=at(1))
    content = signed_from_head(head, KEY)
    trusted = [KEY.public_key()]
    assert head_from_signed(content, trusted_keys=trusted, source="head") == head
    position %= len(content.rstrip())
    flipped = bytearray(content)
    flipped[position] ^= 1
    with pytest.raises(LedgerError):
        head_from_signed(bytes(flipped), trusted_keys=trusted, source="head")


def test_head_of_a_stranger_is_refused() -> None:
    content = signed_from_head(Head(number=7, hash="ab" * 32, at=at(1)), STRANGER)
    with pytest.raises(LedgerError, match="not trusted here"):
        head_from_signed(content, trusted_keys=[KEY.public_key()], source="head")


def _events(entries: list[Entry]) -> list[Event]:
    return [Event(at=e.at, kind=EventKind(e.kind), subject=e.subject, body=e.body) for e in entries]
