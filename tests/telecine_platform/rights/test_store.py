"""The rights store's contract, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest

from telecine_platform.errors import (
    IllegalTransition,
    InvalidRequest,
    NotFound,
    StoreUnavailable,
)
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.store import JobStore
from telecine_platform.rights.entities import EntityFilter
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.registry.entities import EntityKind, EntityStatus, Registry
from tests.records import START, at
from tests.rights_records import change, entity, grant, seeded

EVERYTHING = EntityFilter()


def number(rights: RightsStore) -> int:
    return int(rights.current_version().partition("+")[0])


def test_empty_store_is_filled_once(jobs: JobStore) -> None:
    with pytest.raises(StoreUnavailable, match="empty"):
        RightsStore(jobs.database).current_version()
    first = seeded(jobs.database)
    seeded(jobs.database, Registry(version="other", entities=(entity(id="other"),)))
    assert [each.id for each in first.load().entities] == ["zorbulon"]
    assert number(first) == 1


def test_store_can_be_filled_by_several_processes_at_once(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(seeded, databases))
    assert [number(store) for store in stores] == [1, 1, 1, 1]
    for database in databases:
        database.close()


def test_what_is_stored_comes_back_whole(rights: RightsStore) -> None:
    full = entity(
        id="full", kind=EntityKind.PERSON, aliases=("Зорб", "ザーブ"), ambiguous=True,
        context_words=("space",), cards=("a green blob",), decoys=("a lime",),
        attributes=("three eyes",), generic="a blob", jurisdictions=("EU",),
        term_starts_on=date(2000, 1, 1), term_ends_on=date(2070, 12, 31),
        reference_hashes=("0" * 64,), face_embedding=(0.5,) * 128,
        status=EntityStatus.PROPOSED,
    )  # fmt: skip
    rights.propose(full, "acme", change())
    assert rights.get_entity("full").entity == full
    given = grant(
        entity_id="full", uses=("video", "poster"), regions=("EU",), ends_at=at(9),
        price=Decimal("1.50"), currency="EUR",
    )  # fmt: skip
    rights.grant(given, change())
    assert rights.get_grant("grant_1") == given
    assert (full in rights.load().entities, rights.load().grants) == (True, (given,))


def test_every_change_makes_a_new_version_and_the_same_content_the_same_digest(
    rights: RightsStore,
) -> None:
    versions = [rights.current_version()]
    for step in (
        lambda: rights.propose(entity(id="new"), "acme", change()),
        lambda: rights.set_status("new", EntityStatus.VERIFIED, change()),
        lambda: rights.grant(grant(), change()),
        lambda: rights.revoke("grant_1", change(1)),
    ):
        step()
        versions.append(rights.current_version())
    assert [int(name.partition("+")[0]) for name in versions] == [1, 2, 3, 4, 5]
    assert len({name.partition("+")[2] for name in versions}) == 5
    rights.import_registry(rights.load_all(), change())
    assert rights.current_version().partition("+")[2] == versions[-1].partition("+")[2]
    assert rights.load().version == rights.current_version()


def test_withdrawn_entities_and_revoked_grants_are_kept_but_not_loaded(rights: RightsStore) -> None:
    rights.grant(grant(), change())
    rights.revoke("grant_1", change(1))
    assert rights.load().grants == ()
    rights.set_status("zorbulon", EntityStatus.WITHDRAWN, change())
    assert rights.load().entities == ()
    assert [each.status for each in rights.load_all().entities] == [EntityStatus.WITHDRAWN]
    assert rights.load_all().grants[0].revoked_at == at(1)


def test_withdrawn_entity_can_be_proposed_anew_by_its_owner_alone(rights: RightsStore) -> None:
    rights.propose(entity(id="mine"), "acme", change())
    rights.set_status("mine", EntityStatus.WITHDRAWN, change())
    with pytest.raises(InvalidRequest, match="already"):
        rights.propose(entity(id="mine"), "other", change())
    rights.propose(entity(id="mine"), "acme", change())
    assert rights.get_entity("mine").entity.status is EntityStatus.PROPOSED


BAD: list[tuple[str, type[Exception], Callable[[RightsStore], object]]] = [
    ("already", InvalidRequest, lambda it: it.propose(entity(), "acme", change())),
    ("id 'a b'", InvalidRequest, lambda it: it.propose(entity(id="a b"), "x", change())),
    ("id ''", InvalidRequest, lambda it: it.propose(entity(id=""), "x", change())),
    ("NUL", InvalidRequest, lambda it: it.propose(entity(id="n", name="a\0b"), "x", change())),
    (
        "larger than",
        InvalidRequest,
        lambda it: it.propose(entity(id="n", cards=("x" * 70_000,)), "x", change()),
    ),
    ("no entity", NotFound, lambda it: it.set_status("no", EntityStatus.VERIFIED, change())),
    (
        "cannot become proposed",
        IllegalTransition,
        lambda it: it.set_status("zorbulon", EntityStatus.PROPOSED, change()),
    ),
    ("no entity", NotFound, lambda it: it.grant(grant(entity_id="no"), change())),
    ("in the past", InvalidRequest, lambda it: it.grant(grant(ends_at=at(1)), change(2))),
    ("tenant_id", InvalidRequest, lambda it: it.grant(grant(tenant_id="a b"), change())),
    ("no grant", NotFound, lambda it: it.revoke("no", change())),
    ("no grant", NotFound, lambda it: it.uses("no", limit=9)),
    (
        "price",
        InvalidRequest,
        lambda it: it.grant(grant(price=Decimal("1." + "1" * 60)), change()),
    ),
]


@pytest.mark.parametrize(("said", "error", "call"), BAD)
def test_impossible_change_is_refused_and_leaves_the_version(
    rights: RightsStore, said: str, error: type[Exception], call: Callable[[RightsStore], object]
) -> None:
    before = rights.current_version()
    with pytest.raises(error, match=said):
        call(rights)
    assert rights.current_version() == before


def test_import_with_one_impossible_entry_changes_nothing(rights: RightsStore) -> None:
    before, content = rights.current_version(), rights.load()
    new = (entity(id="first"), entity(id="second"))
    contradicting = (
        grant(id="a", entity_id="first", price=Decimal(1)),
        grant(id="b", entity_id="first", price=Decimal(2)),
    )
    with pytest.raises(InvalidRequest, match="which price would count"):
        rights.import_registry(Registry(version="x", entities=new, grants=contradicting), change())
    assert (rights.current_version(), rights.load()) == (before, content)


def test_import_adds_and_replaces_but_takes_nothing_away(rights: RightsStore) -> None:
    rights.propose(entity(id="claimed"), "acme", change())
    rights.set_status("claimed", EntityStatus.VERIFIED, change(), "owner")
    rights.grant(grant(entity_id="claimed"), change())
    rights.revoke("grant_1", change(1))
    file = Registry(
        version="file",
        entities=(entity(id="claimed", name="Renamed"), entity(id="new")),
        grants=(grant(entity_id="claimed"),),
    )
    version, num_changed = rights.import_registry(file, change(2))
    assert (num_changed, version.name) == (2, rights.current_version())
    assert {each.id for each in rights.load().entities} == {"zorbulon", "claimed", "new"}
    claimed = rights.get_entity("claimed")
    assert (claimed.entity.name, claimed.owner_tenant_id) == ("Renamed", "owner")
    assert rights.get_grant("grant_1").revoked_at == at(1)


def test_writers_at_once_make_one_version_each(rights: RightsStore) -> None:
    start = threading.Barrier(6)

    def propose(index: int) -> None:
        start.wait()
        rights.propose(entity(id=f"e{index}"), "acme", change())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(propose, range(6)))
    assert number(rights) == 7
    assert len(rights.load().entities) == 7


def test_reader_never_sees_half_a_version(rights: RightsStore) -> None:
    """Every version holds as many entities as its number."""
    stop = threading.Event()

    def write() -> None:
        for index in range(15):
            rights.propose(entity(id=f"e{index}"), "acme", change())
        stop.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not stop.is_set():
            loaded = rights.load()
            assert int(loaded.version.partition("+")[0]) == len(loaded.entities)
        writing.result()


def test_lists_page_through_everything_and_filter(rights: RightsStore) -> None:
    for index in range(4):
        rights.propose(entity(id=f"e{index}", name=f"Name {index}%"), "acme", change())
    rights.propose(entity(id="p", kind=EntityKind.PERSON), "other", change())
    first, has_more = rights.list_entities(EVERYTHING, limit=4)
    rest, no_more = rights.list_entities(EVERYTHING, limit=4, after=first[-1].entity.id)
    assert (has_more, no_more) == (True, False)
    ids = [each.entity.id for each in (*first, *rest)]
    assert ids == ["e0", "e1", "e2", "e3", "p", "zorbulon"]

    def found(**wanted: object) -> list[str]:
        page, _ = rights.list_entities(EntityFilter(**wanted), limit=9)  # type: ignore[arg-type]
        return [each.entity.id for each in page]

    assert found(kind=EntityKind.PERSON) == ["p"]
    assert found(owner_tenant_id="acme") == ["e0", "e1", "e2", "e3"]
    assert found(status=EntityStatus.VERIFIED) == ["zorbulon"]
    assert found(name="nAmE 2") == ["e2"]
    assert found(name="2%") == ["e2"]
    assert found(name="_") == []


def test_grants_are_listed_for_who_gave_and_who_holds_them(rights: RightsStore) -> None:
    rights.propose(entity(id="mine"), "owner", change())
    rights.grant(grant(id="g1", entity_id="mine", tenant_id="acme"), change())
    rights.grant(grant(id="g2", entity_id="zorbulon", tenant_id="other"), change())

    def seen(tenant_id: str | None) -> list[str]:
        return [each.id for each in rights.list_grants(visible_to=tenant_id, limit=9)[0]]

    assert [seen(each) for each in ("owner", "acme", "other", "nobody", None)] == [
        ["g1"], ["g1"], ["g2"], [], ["g1", "g2"],
    ]  # fmt: skip


def test_lapsed_are_revoked_ended_and_unknown_grants(rights: RightsStore) -> None:
    rights.grant(grant(id="holds"), change())
    rights.grant(grant(id="ends", tenant_id="b", ends_at=at(10)), change())
    rights.grant(grant(id="revoked", tenant_id="c"), change())
    rights.revoke("revoked", change(5))
    asked = ("holds", "ends", "revoked", "unknown")
    assert rights.lapsed(asked, START) == ("unknown",)
    assert rights.lapsed(asked, at(9)) == ("revoked", "unknown")
    assert rights.lapsed(asked, at(10)) == ("ends", "revoked", "unknown")
