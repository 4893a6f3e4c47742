"""Events are neither lost nor changed unseen, on either database."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import turns
from telecine_platform.ledger import seal as sealing
from telecine_platform.ledger.append import append_event
from telecine_platform.ledger.check import LedgerReport, check_ledger
from telecine_platform.ledger.heads import SignedHeads, anchor
from telecine_platform.ledger.seal import seal_batch, seal_due
from telecine_platform.ledger.store import Ledger
from telecine_safeguards.errors import LedgerError
from telecine_safeguards.ledger.chain import seal
from telecine_safeguards.ledger.events import Event, EventKind
from tests.records import at


def append(jobs: JobStore, *subjects: str) -> None:
    with jobs.database.write() as connection:
        for subject in subjects:
            append_event(connection, EventKind.DECISION, subject, {"rule": "test"}, at(0))


def run_sql(jobs: JobStore, *statements: str) -> None:
    with jobs.database.write() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


@pytest.fixture
def five(jobs: JobStore) -> JobStore:
    append(jobs, "a", "b", "c", "d", "e")
    assert seal_batch(jobs.database) == 5
    return jobs


def check(ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey) -> LedgerReport:
    return check_ledger(ledger, heads, [key.public_key()])


def named(report: LedgerReport) -> Sequence[int]:
    return [fault.number for fault in report.faults]


def test_event_is_there_with_its_fact_or_not_at_all(jobs: JobStore, ledger: Ledger) -> None:
    def fail_after_the_event() -> None:
        with jobs.database.write() as connection:
            append_event(connection, EventKind.DECISION, "a", {}, at(0))
            for _ in range(2):
                connection.execute(sa.insert(turns).values(name="twice", next_at=at(0)))

    with pytest.raises(sa.exc.IntegrityError):
        fail_after_the_event()
    append(jobs, "b")
    assert seal_due(jobs.database, at(1)) == 1
    assert [entry.subject for entry in ledger.entries()] == ["b"]


def test_batches_chain_on(
    jobs: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sealing, "BATCH", 2)
    append(jobs, "a", "b", "c", "d", "e")
    assert seal_due(jobs.database, at(1)) == 5
    assert [entry.number for entry in ledger.entries()] == [1, 2, 3, 4, 5]
    assert check(ledger, heads, key).is_whole
    assert [entry.number for entry in ledger.entries(after=1, until=3)] == [2, 3]


def test_one_process_at_a_time_seals(jobs: JobStore) -> None:
    append(jobs, "a")
    assert seal_due(jobs.database, at(1)) == 1
    append(jobs, "b")
    assert seal_due(jobs.database, at(1.1)) == 0
    assert seal_due(jobs.database, at(1.6)) == 1


def test_writers_and_sealers_at_once_lose_nothing(
    jobs: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey
) -> None:
    def write(name: str) -> None:
        for number in range(10):
            append(jobs, f"{name}{number}")
            seal_batch(jobs.database)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({entry.subject for entry in ledger.entries()}) == 30
    assert check(ledger, heads, key).is_whole
    assert ledger.unsealed().num_events == 0


@pytest.mark.parametrize(
    ("statements", "rows"),
    [
        (["UPDATE ledger SET body = '{}' WHERE number = 3"], [3]),
        (["UPDATE ledger SET subject = 'x' WHERE number = 1"], [1]),
        (["DELETE FROM ledger WHERE number = 2"], [2]),
        (
            [
                "UPDATE ledger SET number = 9 WHERE number = 2",
                "UPDATE ledger SET number = 2 WHERE number = 4",
                "UPDATE ledger SET number = 4 WHERE number = 9",
            ],
            [2, 4],
        ),
        (["DELETE FROM ledger WHERE number > 3"], [4]),
        (["DELETE FROM ledger"], [1]),
    ],
    ids=["changed", "first changed", "deleted", "swapped", "cut off", "emptied"],
)
def test_what_was_done_to_the_table_is_named(
    five: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey,
    statements: list[str], rows: list[int],
) -> None:  # fmt: skip
    anchor(ledger, heads, key, [key.public_key()], at(2))
    assert check(ledger, heads, key).is_whole
    run_sql(five, *statements)
    report = check(ledger, heads, key)
    assert not report.is_whole
    assert set(rows) <= set(named(report))
    assert named(report)[0] == rows[0]


def test_head_is_signed_once_and_again_when_the_chain_has_grown(
    five: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey
) -> None:
    trusted = [key.public_key()]
    assert anchor(ledger, heads, key, trusted, at(2)) is not None
    assert anchor(ledger, heads, key, trusted, at(3)) is None
    append(five, "f")
    seal_batch(five.database)
    assert anchor(ledger, heads, key, trusted, at(4)) is not None
    assert check(ledger, heads, key).signed_number == 6


def test_chain_that_was_written_anew_is_not_signed(
    five: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey
) -> None:
    """Everything from row 1 on is replaced by a chain that holds in itself, and goes on."""
    anchor(ledger, heads, key, [key.public_key()], at(2))
    forged = seal(
        None,
        [
            Event(at=at(0), kind=EventKind.DECISION, subject=name, body='{"rule":"forged"}')
            for name in "abcdef"
        ],
    )
    run_sql(five, "DELETE FROM ledger")
    with five.database.write() as connection:
        for entry in forged:
            connection.execute(
                sa.text(
                    "INSERT INTO ledger (number, at, kind, subject, body, previous, hash) SELECT"
                    " :number, CURRENT_TIMESTAMP, :kind, :subject, :body, :previous, :hash"
                ),
                {
                    name: getattr(entry, name)
                    for name in ("number", "kind", "subject", "body", "previous", "hash")
                },
            )
    with pytest.raises(LedgerError, match="does not go on from its head 5"):
        anchor(ledger, heads, key, [key.public_key()], at(3))
    assert 5 in named(check(ledger, heads, key))


def test_truncated_chain_is_not_signed(
    five: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey
) -> None:
    anchor(ledger, heads, key, [key.public_key()], at(2))
    run_sql(five, "DELETE FROM ledger WHERE number > 4")
    with pytest.raises(LedgerError, match="lost or changed row 5"):
        anchor(ledger, heads, key, [key.public_key()], at(3))


def test_heads_of_another_key_are_not_believed(
    jobs: JobStore, ledger: Ledger, heads: SignedHeads, key: Ed25519PrivateKey
) -> None:
    append(jobs, "a")
    seal_batch(jobs.database)
    anchor(ledger, heads, key, [key.public_key()], at(2))
    report = check_ledger(ledger, heads, [Ed25519PrivateKey.generate().public_key()])
    assert not report.is_whole
    assert "not trusted here" in report.head_problems[0]
