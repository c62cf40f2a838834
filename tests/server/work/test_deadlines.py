"""Deadlines as a person writes them."""

from __future__ import annotations

import pytest

from server.work.deadlines import parse_deadline, parse_past


def test_a_deadline_is_a_span_or_a_time() -> None:
    assert [parse_deadline(text, 100.0) for text in ("", "30m", "1.5h", "2d")] == [None, 1900.0, 5500.0, 172_900.0]
    assert parse_deadline("2030-01-31T12:00+00:00", 0.0) == 1_896_091_200.0
    for text in ("soon", "99999999h", "2030-13-01"):
        with pytest.raises(ValueError, match="no deadline"):
            parse_deadline(text, 0.0)


def test_a_past_time_is_a_span_before_now_or_a_time() -> None:
    assert [parse_past(text, 10_000.0) for text in ("", "30m", "1.5h")] == [None, 8200.0, 4600.0]
    assert parse_past("2030-01-31T12:00+00:00", 0.0) == 1_896_091_200.0
    with pytest.raises(ValueError, match="no time"):
        parse_past("yesterday", 0.0)
