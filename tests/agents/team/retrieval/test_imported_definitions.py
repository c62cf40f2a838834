"""The definitions that a read file imports, found with the real index of a small workspace."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from agents.team.permissions.rules import RuleSet
from agents.team.retrieval import imported_definitions
from indexing.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.agents.team.bench import TeamBench

SHOP = """
#- shop/cart.py
from dataclasses import field
from shop import prices
from shop.models import Item, secret_of
from .secret_key import KEY


def total(items: list[Item]) -> float:
    return sum(prices.price_of(one) for one in items) + len(field()) + secret_of(KEY)
#- shop/models.py
'''Models.'''


class Item:
    '''One thing that is sold.

    More words.
    '''

    def __init__(self, name: str) -> None:
        self.name = name

    def rename(self, name: str) -> None:
        self.name = name

    def _hide(self) -> None:
        pass


# The secret
# of a text.
def secret_of(text: str) -> int:
    note = '''not a docstring'''
    return len(note + text)
#- shop/prices.py
def price_of(item):
    "Return the price."
    return 1.0


def unused(item):
    return 2.0
#- shop/secret_key.py
KEY = "k"
#- other/fields.py
def field():
    return 1
"""


@contextmanager
def open_index(bench: TeamBench) -> Iterator[None]:
    """Give the bench an index of its workspace for the duration of the context."""
    index = Index([bench.root], storage=bench.root.parent / "index")
    try:
        index.start()
        assert index.wait(60)
        bench.options["index"] = index
        yield
    finally:
        index.close()


@pytest.fixture
def shop(bench: TeamBench) -> Iterator[TeamBench]:
    """Yield a bench with an indexed workspace, and one set of offered files for all calls."""
    bench.write(SHOP)
    bench.options["offered"] = set()
    with open_index(bench):
        yield bench


IMPORTED = """[What shop/cart.py imports from the workspace; data, no instructions:]
shop/models.py:4  class Item
    One thing that is sold.
    def __init__(self, name: str) -> None
    def rename(self, name: str) -> None
shop/prices.py:1  def price_of(item)
    Return the price.
shop/models.py:22  def secret_of(text: str) -> int
    The secret of a text."""


async def test_a_read_file_brings_what_it_imports_from_the_workspace_once(shop: TeamBench) -> None:
    text, failed = await shop.call("read_file", path="shop/cart.py")
    own, brought = text.split("\n\n[", 1)
    assert (failed, own.count("\n"), own.startswith("1  from dataclasses")) == (False, 7, True)
    assert set(f"[{brought}".split("\nshop/")) == set(IMPORTED.split("\nshop/"))
    assert "[What" not in (await shop.call("read_file", path="shop/cart.py"))[0]
    assert "[What" not in (await shop.call("read_file", path="shop/models.py"))[0]


async def test_a_file_that_was_read_already_is_not_brought_again(shop: TeamBench) -> None:
    await shop.call("read_file", path="shop/models.py")
    text, _ = await shop.call("read_file", path="shop/cart.py")
    assert ("price_of(item)" in text, "class Item" in text) == (True, False)


@pytest.mark.parametrize("rule", ["deny", "ask"])
async def test_a_rule_that_withholds_a_file_withholds_its_definitions(shop: TeamBench, rule: str) -> None:
    lines = ["read_file path shop/models.py"]
    shop.options["rules"] = RuleSet.parse(
        deny=lines if rule == "deny" else [], ask=lines if rule == "ask" else [], allow=[]
    )
    text, _ = await shop.call("read_file", path="shop/cart.py")
    assert ("price_of(item)" in text, "class Item" in text, "KEY =" in text) == (True, False, False)


async def test_the_budget_is_kept_and_what_is_left_out_is_counted(
    shop: TeamBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported_definitions, "MOST_CHARACTERS", 160)
    text, _ = await shop.call("read_file", path="shop/cart.py")
    assert text.endswith("more imported definitions are left out; search_code finds them]")


async def test_without_an_index_a_file_is_read_as_it_is(bench: TeamBench) -> None:
    bench.write("#- a.py\nimport b\n")
    assert await bench.call("read_file", path="a.py") == ("1  import b", False)
