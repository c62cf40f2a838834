"""Text of a model as one visible line."""

from __future__ import annotations

import pytest

from agents.team.shown_text import write_plainly


@pytest.mark.parametrize(("text", "plain"), [
    ("Read  a.py\n", "Read a.py"),
    ("Lies área.py, 读取", "Lies área.py, 读取"),
    ("a\x1b[2Jb\x07", r"a\x1b[2Jb\x07"),
    ("a\u202efdp.exe", r"a\u202efdp.exe"),
    ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
    ("a\U000e0041", r"a\U000e0041"),
    ("Delete a.py\r\nApproved", "Delete a.py Approved"),
    ("a\udcffb", r"a\udcffb"),
])  # fmt: skip
def test_what_cannot_be_seen_is_written_as_its_number(text: str, plain: str) -> None:
    assert write_plainly(text) == plain
