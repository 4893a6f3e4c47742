"""What can go wrong inside a safeguard. Every one of these ends in a block, never in a pass.

SafeguardError
├── RegistryError   the registry file is missing, unreadable or contradicts itself
├── PolicyError     the policy file is missing, unreadable or has an unknown word
├── LedgerError     a signed head of the ledger is damaged, or not signed by a trusted key
├── ProvenanceError a manifest cannot be signed or read, a key does not fit its certificate
├── UnreadableClip  a file from outside is no video, or costs too much to look at
└── CheckFailed     a check could not give an answer (model missing, frame unreadable, bug)
"""

from __future__ import annotations


class SafeguardError(Exception):
    """Base of every error that a safeguard raises."""


class RegistryError(SafeguardError):
    """The registry cannot be used: the message names the file, the line or entity, and the cure."""


class PolicyError(SafeguardError):
    """The policy cannot be used: the message names the file, the rule and the cure."""


class LedgerError(SafeguardError):
    """What vouches for the ledger cannot be believed: the message names the file and why."""


class ProvenanceError(SafeguardError):
    """A clip cannot carry its provenance, so it is not released; or what it carries is damaged."""


class UnreadableClip(SafeguardError):
    """A file cannot be examined: the message is for whoever sent it."""


class CheckFailed(SafeguardError):
    """A check gave no answer: the message names the check and the cause."""
