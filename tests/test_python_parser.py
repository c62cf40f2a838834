"""Python's own parser from several threads."""

from __future__ import annotations

import ast
import gc
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import starling_python
from tests.tidy.tree import read_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = Path(ast.__file__).read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    """Have the garbage collector on, whatever ran before."""
    was_on = gc.isenabled()
    gc.enable()
    yield
    if not was_on:
        gc.disable()


class Slow:
    """Garbage whose end lets other threads run."""

    def __init__(self) -> None:
        self.own = self

    def __del__(self) -> None:
        time.sleep(0)


def test_threads_that_parse_at_once_at_other_depths_get_their_trees() -> None:
    failed: list[BaseException] = []

    def parse(depth: int) -> None:
        if depth:
            parse(depth - 1)
            return
        for _ in range(20):
            Slow()
            try:
                starling_python.parse_python(TEXT)
            except BaseException as error:  # noqa: BLE001 (of another thread)
                failed.append(error)

    threads = [threading.Thread(target=parse, args=(10 * number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert gc.isenabled()


def test_the_collector_rests_and_stays_off_where_it_was_off() -> None:
    with starling_python.pause_garbage_collection():
        assert not gc.isenabled()
        with starling_python.pause_garbage_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize("text", ["def f(:", "\0", "(" * 10_000, "x = " + "-" * 100_000 + "1"])
def test_what_python_cannot_read_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        starling_python.parse_python(text)


def test_nothing_else_asks_pythons_parser() -> None:
    asks = re.compile(r"\bast\.parse\(|PyCF_ONLY_AST")
    assert [each.path for each in read_modules() if asks.search(each.text)] == ["starling_python.py"]
