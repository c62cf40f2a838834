"""The animated picture of a recording: it has every screen at its time, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from docs.recording.screen import Look, Run, Screen
from docs.recording.svg import animate

PLAIN = Look("#ffffff", "#000000")
WORD = Look("#00ff00", "#000000", bold=True)
SVG = "{http://www.w3.org/2000/svg}"


def make_screen(at_s: float, *texts: str) -> Screen:
    """Return a screen with a row for each text; the first three characters of a row have the look `WORD`."""
    return Screen(at_s, tuple((Run(0, text[:3], WORD), Run(3, text[3:], PLAIN)) for text in texts))


def read_rows(svg: str, number: int) -> list[str]:
    """Return the text of each row of the screen `number`, counted from 0, without spaces between runs."""
    tree = ET.fromstring(svg)  # noqa: S314 (made here)
    rows = {group.get("id"): "".join(group.itertext()) for group in tree.iter(f"{SVG}g") if group.get("id")}
    [strip] = [group for group in tree.iter(f"{SVG}g") if group.get("class") == "strip"]
    return [rows[str(use.get("href")).removeprefix("#")] for use in list(strip)[number]]


def test_each_screen_has_its_own_rows_and_an_equal_row_is_drawn_once() -> None:
    svg = animate([make_screen(0, "def f(a):", "ret      "), make_screen(1.5, "def f(a):", "return a<b")], 0.5, "Two")
    assert read_rows(svg, 0) == ["deff(a):", "ret"]
    assert read_rows(svg, 1) == ["deff(a):", "return a<b"]
    assert svg.count(">f(a):</text>") == 1


def test_screens_follow_each_other_at_their_times() -> None:
    svg = animate([make_screen(0, "one  "), make_screen(1.5, "two  "), make_screen(3, "three")], 1, "Three")
    assert re.findall(r"([\d.]+)%\{transform:translateX\((-?\d+)px\)\}", svg) == [
        ("0.000", "0"),
        ("37.500", "-62"),
        ("75.000", "-124"),
        ("100", "-124"),
    ]
    assert "play 4.00s step-end infinite" in svg


def test_colours_and_weights_are_those_of_the_screen() -> None:
    svg = animate([Screen(0, ((Run(0, "warn", Look("#fce094", "#101010")), Run(4, "    ", PLAIN)),))], 1, "One")
    assert "{fill:#fce094}" in svg
    assert (
        'fill="#101010"' not in svg.split("<defs>")[1].split("</defs>")[0]
    )  # the background of the whole picture, drawn once
    assert 'fill="#000000"' in svg.split("<defs>")[1].split("</defs>")[0]


def test_every_picture_of_a_conversation_is_shown_and_small() -> None:
    folder = Path(__file__).parents[2] / "docs" / "scenes"
    page = folder.with_suffix(".md").read_text(encoding="utf-8")
    pictures = list(folder.iterdir())
    assert [one.name for one in pictures if f"(scenes/{one.name})" not in page] == []
    assert [one.name for one in pictures if one.stat().st_size > 200_000] == []
