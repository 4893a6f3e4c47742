"""What a limit on refusals leaves an attacker who edits prompts by the decisions."""

from __future__ import annotations

from loadtests.screening_attack import DAY_S, MAX_QUERIES, bypass_curve, bypasses_a_day


def test_curve_counts_who_got_through_within_so_many_queries() -> None:
    curve = bypass_curve([1, 2, 7, MAX_QUERIES + 1])

    assert [curve[step].num for step in (1, 2, 5, 10, 50)] == [1, 2, 2, 3, 3]


def test_without_a_limit_only_the_queries_cost_time() -> None:
    assert bypasses_a_day([3], None) == DAY_S / 3


def test_a_limit_leaves_about_as_many_refusals_an_hour_as_it_says() -> None:
    """Two refusals for each prompt that passes: 20 an hour leave some 10 prompts an hour."""
    assert 24 * 9 < bypasses_a_day([3], 20) < 24 * 11


def test_prompts_that_never_pass_are_given_up() -> None:
    assert bypasses_a_day([MAX_QUERIES + 1], None) == 0
