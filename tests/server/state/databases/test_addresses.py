"""Addresses of databases, as a person writes them."""

from __future__ import annotations

import pytest

from server.state.databases.addresses import parse_address


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("postgresql://ann@db.example.org:5433/team", "db.example.org:5433/team"),
        ("postgres://db.example.org/team?sslmode=verify-full", "db.example.org/team"),
        ("postgresql:///team?host=/run/postgresql", "/run/postgresql/team"),
        ("postgresql://ann@db", "db/ann"),
    ],
)
def test_an_address_says_where_the_database_is(text: str, place: str) -> None:
    assert (parse_address(text).url, parse_address(text).place) == (text, place)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:hunter2@db/team", "postgresql://ann:@db/team", "postgresql://db/team?password=hunter2",
        "postgresql://db/team?passfile=/home/x", "mysql://db/team?x=hunter2", "db.example.org hunter2", "hunter2",
        "postgresql://db:hunter2/team", "postgresql://[hunter2/team", "postgresql://db/team#hunter2",
        "postgresql://db/te am", "postgresql://db/team?hunter2", "postgresql://db/" + "x" * 2000, "\0",
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no address|holds a password") as caught:
        parse_address(text)
    assert "hunter2" not in str(caught.value)
