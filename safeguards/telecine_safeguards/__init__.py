"""Safeguards: the rights registry, prompt screening, output moderation and provenance.

The lowest package of the stack: it imports neither the platform nor the engine, and it needs no
network. A check that cannot answer raises `CheckFailed`, and the caller treats that as a block.
"""
