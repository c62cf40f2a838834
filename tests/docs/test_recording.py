"""The recording's picture: every screen is in it, at its moment, with nothing that was not on the screen."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from docs.recording.screen import Look, Run, Screen
from docs.recording.svg import animate

PLAIN = Look("#ffffff", "#000000")
WORD = Look("#00ff00", "#000000", bold=True)
SVG = "{http://www.w3.org/2000/svg}"


def screen(at_s: float, *texts: str) -> Screen:
    return Screen(at_s, tuple((Run(0, text[:3], WORD), Run(3, text[3:], PLAIN)) for text in texts))


def shown(svg: str, number: int) -> list[str]:
    """The visible words of one screen, row by row."""
    tree = ET.fromstring(svg)  # noqa: S314 (made here)
    rows = {group.get("id"): "".join(group.itertext()) for group in tree.iter(f"{SVG}g") if group.get("id")}
    [strip] = [group for group in tree.iter(f"{SVG}g") if group.get("class") == "strip"]
    return [rows[str(use.get("href")).removeprefix("#")] for use in list(strip)[number]]


def test_each_screen_has_its_own_rows_and_an_equal_row_is_drawn_once() -> None:
    svg = animate([screen(0, "def f(a):", "ret      "), screen(1.5, "def f(a):", "return a<b")], 0.5, "Two")
    assert shown(svg, 0) == ["deff(a):", "ret"]
    assert shown(svg, 1) == ["deff(a):", "return a<b"]
    assert svg.count(">f(a):</text>") == 1


def test_screens_follow_each_other_at_their_moments() -> None:
    svg = animate([screen(0, "one  "), screen(1.5, "two  "), screen(3, "three")], 1, "Three")
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
    assert 'fill="#101010"' not in svg.split("<defs>")[1].split("</defs>")[0]  # the ground, drawn once
    assert 'fill="#000000"' in svg.split("<defs>")[1].split("</defs>")[0]
