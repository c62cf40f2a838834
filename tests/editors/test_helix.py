"""Helix, the real one: it attaches, shows what the reviewer found, mends it, completes, and asks before a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.helix import Helix
from tests.editors.shop import REST, SHOP
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return parse(SHOP).write(tmp_path / "shop")


@pytest.fixture
def editor(shop: Path, tmp_path: Path, starling_on_path: str) -> Iterator[Helix]:
    """order.py is open, and what the reviewer found in it is on the screen."""
    with Helix.start(shop / "order.py", tmp_path / "home", starling_on_path, STARLING_MODEL__ENABLED="false") as helix:
        helix.wait_for("`os` imported but unused.")
        yield helix


def test_a_suggestion_stands_in_the_completion_list_and_enter_takes_it(editor: Helix, shop: Path) -> None:
    editor.keys("g", "e", "A", "C-w")
    editor.type("amount += pri")
    editor.wait_for("amount += pri")
    editor.ask_until(f"pri{REST} ")
    editor.keys("C-n", "Enter")
    editor.wait_for(f"amount += pri{REST}")
    editor.keys("Escape")
    editor.wait_for(" NOR ")  # what comes with an Escape is taken for one key
    editor.type(":write")
    editor.keys("Enter")
    editor.wait_for("written")
    assert (shop / "order.py").read_text(encoding="utf-8").endswith(f"        amount += pri{REST}\n")


def test_a_quick_fix_is_made_from_the_menu_of_code_actions(editor: Helix) -> None:
    editor.keys("g", "g", "Space", "a")
    editor.wait_for("Remove unused import")
    editor.keys("Enter")
    editor.wait_for(lambda screen: "import os" not in screen)
