"""The whole check of a ledger: every row, every signed head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from telecine_platform.ledger.heads import SignedHeads
from telecine_platform.ledger.store import Ledger
from telecine_safeguards.ledger.chain import Entry, Fault, find_faults

MAX_FAULTS = 100
"""Reported in full; a chain with more is broken all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """What a check found."""

    num_rows: int
    num_heads: int
    signed_number: int
    """The last row that a head vouches for; 0: none."""
    num_unsealed: int
    faults: tuple[Fault, ...]
    head_problems: tuple[str, ...]
    """Heads that are damaged, changed or signed by a stranger."""

    @property
    def is_whole(self) -> bool:
        return not self.faults and not self.head_problems


def check_ledger(
    ledger: Ledger, heads: SignedHeads, trusted_keys: Sequence[Ed25519PublicKey]
) -> LedgerReport:
    """Read all heads first, then all rows: rows that come meanwhile do no harm."""
    believed, problems = heads.read_all(trusted_keys)
    count = _Count()
    faults: list[Fault] = []
    for fault in find_faults(count.counted(ledger.entries()), believed):
        faults.append(fault)
        if len(faults) == MAX_FAULTS:
            break
    return LedgerReport(
        num_rows=count.num_rows,
        num_heads=len(believed),
        signed_number=max((head.number for head in believed), default=0),
        num_unsealed=ledger.unsealed().num_events,
        faults=tuple(faults),
        head_problems=tuple(str(problem) for problem in problems),
    )


class _Count:
    """How many rows went by."""

    def __init__(self) -> None:
        self.num_rows = 0

    def counted(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self.num_rows += 1
            yield entry
