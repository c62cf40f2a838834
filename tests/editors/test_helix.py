"""The real Helix: attaches, shows findings, applies fixes, and completes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.helix import Helix
from tests.editors.shop import REST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def editor(shop: Path, tmp_path: Path, starling_on_path: str) -> Iterator[Helix]:
    """Open order.py in Helix, and wait until its finding is on the screen."""
    with Helix.start(shop / "order.py", tmp_path / "home", starling_on_path, STARLING_MODEL__ENABLED="false") as helix:
        helix.wait_for("`os` imported but unused.")
        yield helix


def test_the_completion_list_has_the_suggestion_and_enter_accepts_it(editor: Helix, shop: Path) -> None:
    editor.press("g", "e", "A", "C-w")
    editor.type("amount += pri")
    editor.wait_for("amount += pri")
    editor.request_completions_until(f"pri{REST} ")
    editor.press("C-n", "Enter")
    editor.wait_for(f"amount += pri{REST}")
    editor.press("Escape")
    editor.wait_for(" NOR ")  # a key right after Escape would be read together with it
    editor.type(":write")
    editor.press("Enter")
    editor.wait_for("written")
    assert (shop / "order.py").read_text(encoding="utf-8").endswith(f"        amount += pri{REST}\n")


def test_a_quick_fix_is_applied_from_the_menu_of_code_actions(editor: Helix) -> None:
    editor.press("g", "g", "Space", "a")
    editor.wait_for("Remove unused import")
    editor.press("Enter")
    editor.wait_for(lambda screen: "import os" not in screen)
