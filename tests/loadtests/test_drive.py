"""The driver against a house that works (the real API, fake stages) and servers that do not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from loadtests.arrivals import Arrival
from loadtests.drive import Event, drive
from loadtests.report import Report, make_report
from loadtests.target import TargetError, open_client
from tests.loadtests.arrivals import arrival
from tests.loadtests.faulty_server import FaultyServer
from tests.telecine_platform.api.fakes import FORBIDDEN
from tests.telecine_platform.api.house import open_house, serving


def report_of(
    url: str,
    arrivals: Sequence[Arrival],
    *,
    timeout_s: float = 10.0,
    with_download: bool = False,
    figures_age_s: float = 0.0,
    events: Counter[Event] | None = None,
) -> Report:
    counts: Counter[Event] = Counter() if events is None else events

    async def run() -> Report:
        async with open_client(url, None) as client:
            return make_report(
                await drive(
                    client,
                    arrivals,
                    timeout_s=timeout_s,
                    with_download=with_download,
                    on_event=lambda event: counts.update([event]),
                    figures_age_s=figures_age_s,
                )
            )

    return asyncio.run(run())


@pytest.fixture
def server() -> FaultyServer:
    return FaultyServer()


@pytest.fixture
def url(server: FaultyServer) -> Iterator[str]:
    with serving(server.app) as url:
        yield url


def test_working_server_gets_a_clean_report(tmp_path: Path) -> None:
    arrivals = [
        arrival("a red fox", 1),
        arrival(f"a {FORBIDDEN} mouse", 2, at_s=0.05),
        arrival("a blue boat", 3, at_s=0.1),
    ]
    events: Counter[Event] = Counter()

    with open_house(tmp_path) as house, house.working():
        house.submit("made before the run", seed=1)
        report = report_of(
            house.url,
            arrivals,
            timeout_s=60.0,
            with_download=True,
            figures_age_s=1.2,
            events=events,
        )

    assert report.is_clean
    assert (report.num_completed, report.blocked) == (2, {"protected_character": 1})
    assert report.download_s is not None
    assert (report.download_s.num_values, report.num_failed_downloads) == (2, 0)
    assert report.inference_s is not None
    assert [item.stage for item in report.stages] == ["screening", "generation", "moderation"]
    assert events == {Event.SENT: 3, Event.COMPLETED: 2, Event.ENDED_OTHERWISE: 1}


def test_forgotten_job_is_lost_and_its_id_is_told(server: FaultyServer, url: str) -> None:
    report = report_of(url, [arrival("a fox", 1), arrival("forget this", 2)])
    assert (report.num_completed, report.num_lost) == (1, 1)
    assert set(report.lost_ids).isdisjoint(server.jobs)
    assert not report.is_clean


def test_job_that_never_ends_is_lost_at_its_timeout(url: str) -> None:
    report = report_of(url, [arrival("stick here", 1)], timeout_s=0.3)
    assert report.num_lost == 1
    assert report.took_s < 5.0


def test_job_made_twice_is_found_in_the_listing(url: str) -> None:
    report = report_of(url, [arrival("a fox", 1), arrival("double this", 2)])
    assert (report.num_completed, report.num_lost, report.num_duplicated) == (2, 0, 1)
    assert not report.is_clean


def test_jobs_from_before_the_run_are_no_duplicates(server: FaultyServer, url: str) -> None:
    for _ in range(150):  # more than a page
        server.add("a fox", 1)
    report = report_of(url, [arrival("a fox", 1)])
    assert report.num_duplicated == 0
    assert report.is_clean


def test_long_run_is_audited_over_several_pages(url: str) -> None:
    report = report_of(url, [arrival(f"fox {number}", number) for number in range(130)])
    assert report.num_completed == 130
    assert report.is_clean


def test_submission_without_an_answer_is_found_and_followed(url: str) -> None:
    report = report_of(url, [arrival("choke on this", 1)])
    assert (report.num_completed, report.num_unanswered) == (1, 0)
    assert report.end_to_end_s is None
    assert report.is_clean


def test_refusal_is_counted_by_its_code_and_not_repeated(server: FaultyServer, url: str) -> None:
    report = report_of(url, [arrival("refuse me", 1)])
    assert report.refused == {"too_busy": 1}
    assert server.jobs == {}
    assert report.is_clean


def test_server_that_is_away_for_a_moment_is_asked_again(server: FaultyServer, url: str) -> None:
    report = report_of(url, [arrival("hiccup", 1)])
    assert report.num_completed == 1
    assert server.num_looks == 2


def test_slow_jobs_do_not_hold_up_later_arrivals(server: FaultyServer, url: str) -> None:
    arrivals = [arrival(f"stick {number}", number, at_s=number * 0.05) for number in range(10)]
    report = report_of(url, arrivals, timeout_s=0.6)
    assert len(server.jobs) == 10
    assert report.max_send_lag_s < 0.5


def test_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TargetError, match="does not answer"):
        report_of("http://127.0.0.1:9", [arrival()])


def test_each_tenant_asks_with_its_own_client_and_can_take_jobs_back(tmp_path: Path) -> None:
    async def run(url: str) -> Report:
        async with open_client(url, None) as client, open_client(url, None) as other:
            asked = replace(arrival(seed=1), cancel_after_s=0.0)
            record = await drive(
                client,
                [asked, replace(asked, seed=2, tenant="other")],
                timeout_s=60.0,
                with_download=False,
                on_event=lambda _event: None,
                figures_age_s=0.0,
                tenants={"other": other},
            )
        return make_report(record)

    with open_house(tmp_path) as house:  # nobody works: only a cancel ends a job
        report = asyncio.run(run(house.url))
    assert (report.num_cancelled, report.num_lost, report.num_duplicated) == (2, 0, 0)
