from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agents.completion.editor import Editor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def open_editor() -> Iterator[Callable[..., Editor]]:
    """Yield a function that makes an `Editor`; close the generators of all editors at the end."""
    made: list[Editor] = []

    def make(*arguments: object, **options: object) -> Editor:
        made.append(Editor(*arguments, **options))  # type: ignore[arg-type]  # options of `Editor`
        return made[-1]

    yield make
    for editor in made:
        editor.generator.close()
