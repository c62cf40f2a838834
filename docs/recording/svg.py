"""Screens as one animated SVG: a strip of all screens, moved by one screen at a time.

The animation is CSS, so that browsers also play it where a page shows the SVG as an image. People who have turned
animations off see the last screen. Start at `animate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docs.recording.screen import Look, Row, Screen

CELL_WIDTH, CELL_HEIGHT, BASELINE = 8.4, 18, 13  # of a character of 14 px, in px
MARGIN = 10
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def animate(screens: Sequence[Screen], rest_s: float, title: str) -> str:
    """Return an SVG that shows `screens` at their moments, again and again.

    Args:
        screens: at least one, in order; the first is shown from the beginning.
        rest_s: how long the last screen is shown, in seconds.
        title: a description for people who cannot see the picture.
    """
    columns = max((run.column + len(run.text) for run in screens[0].rows[0]), default=1)
    width = round(columns * CELL_WIDTH + 2 * MARGIN)
    height = len(screens[0].rows) * CELL_HEIGHT + 2 * MARGIN
    ground = screens[0].rows[-1][0].look.background
    names: dict[Row, str] = {}
    looks: dict[Look, str] = {}
    strip = "".join(
        f'<g transform="translate({number * width})">'
        + "".join(_place_row(row, place, names) for place, row in enumerate(screen.rows))
        + "</g>\n"
        for number, screen in enumerate(screens)
    )
    rows = "".join(f'<g id="{name}">{_draw_row(row, ground, looks)}</g>\n' for row, name in names.items() if name)
    whole_s = screens[-1].at_s + rest_s
    steps = "".join(
        f"{0 if number == 0 else 100 * screen.at_s / whole_s:.3f}%{{transform:translateX({-number * width}px)}}"
        for number, screen in enumerate(screens)
    )
    last = -(len(screens) - 1) * width
    classes = "".join(f".{name}{{{_build_css(look)}}}" for look, name in looks.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>text{{font:14px {FONT};white-space:pre}}{classes}\n"
        f"@keyframes play{{{steps}100%{{transform:translateX({last}px)}}}}\n"
        f".strip{{animation:play {whole_s:.2f}s step-end infinite}}\n"
        f"@media(prefers-reduced-motion:reduce){{.strip{{animation:none;transform:translateX({last}px)}}}}</style>\n"
        f"<defs>{rows}</defs>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="{ground}"/>\n'
        f'<svg x="{MARGIN}" y="{MARGIN}" width="{width - 2 * MARGIN}" height="{height - 2 * MARGIN}">'
        f'<g class="strip">\n{strip}</g></svg>\n</svg>\n'
    )


def _place_row(row: Row, place: int, names: dict[Row, str]) -> str:
    """Return a reference to a row at the line `place`; "" for an empty row. Adds an id for a new row to `names`."""
    if row not in names:
        names[row] = f"r{len(names)}" if _is_visible(row) else ""
    return f'<use href="#{names[row]}" y="{place * CELL_HEIGHT}"/>' if names[row] else ""


def _is_visible(row: Row) -> bool:
    """Return whether a row has text or more than one background."""
    return any(run.text.strip() for run in row) or len({run.look.background for run in row}) > 1


def _draw_row(row: Row, ground: str, looks: dict[Look, str]) -> str:
    """Return a row as SVG, without backgrounds of the colour `ground`; adds a class name for each look to `looks`."""
    parts = []
    for run in row:
        x, width = run.column * CELL_WIDTH, len(run.text) * CELL_WIDTH
        if run.look.background != ground:
            size = f'width="{width:.1f}" height="{CELL_HEIGHT}"'
            parts.append(f'<rect x="{x:.1f}" {size} fill="{run.look.background}"/>')
        if run.text.strip():
            name = looks.setdefault(run.look, f"l{len(looks)}")
            before = len(run.text) - len(run.text.lstrip())
            text = run.text.strip()
            x, width = x + before * CELL_WIDTH, len(text) * CELL_WIDTH
            size = f'textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
            parts.append(f'<text class="{name}" x="{x:.1f}" y="{BASELINE}" {size}>{escape(text)}</text>')
    return "".join(parts)


def _build_css(look: Look) -> str:
    """Return the CSS declarations of a look, without its background."""
    css = f"fill:{look.colour}"
    css += ";font-weight:bold" if look.bold else ""
    css += ";font-style:italic" if look.italic else ""
    return css + (";text-decoration:underline" if look.underlined else "")
