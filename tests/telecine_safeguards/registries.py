"""Small registries for tests."""

from __future__ import annotations

from telecine_safeguards.registry.entities import Entity, EntityKind, EntityStatus, Registry


def entity(
    name: str,
    *,
    kind: EntityKind = EntityKind.CHARACTER,
    aliases: tuple[str, ...] = (),
    context_words: tuple[str, ...] = (),
    clear_names: tuple[str, ...] = (),
    reference_hashes: tuple[str, ...] = (),
    face_embedding: tuple[float, ...] = (),
    status: EntityStatus = EntityStatus.VERIFIED,
) -> Entity:
    """Make an entity; it is ambiguous when it has context words."""
    return Entity(
        id=name.lower().replace(" ", "-"),
        kind=kind,
        name=name,
        rights_holder="Example Holder",
        aliases=aliases,
        ambiguous=bool(context_words),
        context_words=context_words,
        clear_names=clear_names,
        reference_hashes=reference_hashes,
        face_embedding=face_embedding,
        status=status,
    )


def registry(*entities: Entity) -> Registry:
    return Registry(version="test-1", entities=entities)
