"""The pages of takedowns in a browser's hands: forms, cookies, and other sites' tricks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from html.parser import HTMLParser

import httpx
import pytest

from telecine_platform.takedowns.rounds import take_round
from tests.telecine_platform.api.rights_house import RightsHouse, open_rights_house

CLAIM = {"title": "Blimpo & <b>Co</b>", "names": "Blimpo, Blimpette", "kind": "character"}
TICKED = {"is_in_good_faith": "true"}


Browser = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


@pytest.fixture
def browser(house: RightsHouse) -> Iterator[Browser]:
    """Opens one for somebody who signs in, or for nobody; it sends what browsers send."""
    with ExitStack() as stack:

        def open_one(who: str) -> httpx.Client:
            headers = {"origin": house.house.url, "sec-fetch-site": "same-origin"}
            client = stack.enter_context(
                httpx.Client(
                    base_url=house.house.url, headers=headers, follow_redirects=True, timeout=30,
                    trust_env=False,
                )
            )  # fmt: skip
            if who:
                page = client.post("/takedowns/session", data={"key": f"key-of-{who}"})
                assert page.status_code == 200, page.text
            return client

        yield open_one


def work(house: RightsHouse) -> None:
    parts = house.jobs.database, house.house.blobs, house.house.settings
    while take_round(*parts, datetime.now(UTC)):
        pass


class Checker(HTMLParser):
    """What a screen reader needs: labels for fields, captions, headings, every tag closed."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: set[str] = set()
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in values:
            self.ids.append(str(values["id"]))
        if tag == "label":
            self.labels.add(str(values["for"]))
        if tag in ("input", "select", "textarea"):
            self.fields.add(str(values["id"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> None:
    seen = Checker(page)
    assert seen.open == []
    assert len(seen.ids) == len(set(seen.ids))
    assert seen.fields <= seen.labels
    assert seen.tags.count("h1") == seen.tags.count("main") == 1
    assert seen.tags.count("table") == seen.tags.count("caption")
    assert "script" not in seen.tags


def test_a_takedown_by_forms_alone(house: RightsHouse, browser: Browser) -> None:
    claimant, boss, owner = (browser(who) for who in ("owner", "boss", "rival"))
    made = house.ask("rival", "POST", "/v1/videos", json={"prompt": "blimpo flies"}).json()
    house.house.stages.work_off()

    page = claimant.post("/takedowns/claimant", data={"name": "Blimp & Sons", "contact": "x@y.z"})
    assert (page.status_code, "pending" in page.text) == (200, True)
    assert "File a claim" not in page.text
    page = boss.post("/takedowns/claimants/owner/verify")
    assert "Blimp &amp; Sons" in page.text
    check(page.text)
    media = {"reference": ("wave.png", b"not looked at here", "image/png")}
    page = claimant.post("/takedowns/claims", data=CLAIM | TICKED, files=media)
    assert page.status_code == 200, page.text
    assert "<b>Co</b>" not in page.text
    check(page.text)
    (path,) = set(re.findall(r"/takedowns/claims/claim_[0-9a-f]{20}", page.text))
    work(house)

    page = boss.post(f"{path}/verify", data={"confirm_clips": ""})
    assert "verified" in page.text
    check(page.text)
    work(house)
    page = owner.get("/takedowns")
    assert made["id"] in page.text
    check(page.text)
    counter = f"{path.replace('claims', 'withdrawals')}/{made['id']}/counter"
    page = owner.post(counter, data={"text": "<script>mine</script>"} | TICKED)
    assert "countered" in page.text
    assert "&lt;script&gt;mine" in page.text
    page = claimant.post(f"{path}/clips/{made['id']}/contest", data={"text": "No."})
    assert "contested" in page.text
    page = boss.post(f"{path}/clips/{made['id']}/reinstate")
    assert "reinstated" in page.text
    check(claimant.get(path).text)
    work(house)
    assert house.ask("rival", "GET", f"/v1/videos/{made['id']}/content").status_code == 200


def test_what_is_wrong_is_said_on_the_page(browser: Browser) -> None:
    claimant = browser("owner")
    page = claimant.post("/takedowns/claims", data=CLAIM | {"names": "ab"} | TICKED)
    assert page.status_code in (400, 403)
    assert 'role="alert"' in page.text
    page = claimant.post("/takedowns/claims", data=CLAIM)
    assert page.status_code == 400  # the box is not ticked
    page = claimant.get("/takedowns/claims/claim_0")
    assert (page.status_code, 'role="alert"' in page.text) == (404, True)
    page = claimant.post("/takedowns/claimants/owner/verify")
    assert page.status_code == 403
    assert claimant.post("/takedowns/nothing").status_code == 404


def test_without_a_key_there_is_only_the_sign_in(browser: Browser) -> None:
    client = browser("")
    page = client.get("/takedowns")
    assert "Sign in" in page.text
    assert "style-src 'self'" in page.headers["content-security-policy"]
    check(page.text)
    assert client.post("/takedowns/session", data={"key": "wrong"}).status_code == 401
    assert client.post("/takedowns/claimant", data={"name": "x"}).status_code == 401
    assert client.get("/takedowns/style.css").headers["content-type"].startswith("text/css")


def test_cookie_is_for_this_site_s_forms_alone(browser: Browser) -> None:
    client = browser("")
    data = {"key": "key-of-owner"}
    signed_in = client.post("/takedowns/session", data=data, follow_redirects=False)
    cookie = signed_in.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/takedowns"))
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        data = {"name": "Evil", "contact": "e"}
        page = client.post("/takedowns/claimant", data=data, headers=headers)
        assert page.status_code == 403
    client.post("/takedowns/session/end")
    assert "Sign in" in client.get("/takedowns").text
