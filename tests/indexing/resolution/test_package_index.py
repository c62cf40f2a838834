"""Packages of Go and crates of Rust through the index: module files, methods in other files, qualified names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indexing.syntax import languages
from indexing.syntax.documents import Document
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

GO = """
    #- go.mod
    module example.com/app

    go 1.21
    #- shop/cart.go
    package shop

    type Cart struct{ Items int }
    #- shop/total.go
    package shop

    func (c *Cart) Total(rate int) int { return c.Items * rate }
    #- main.go
    package main

    import "example.com/app/shop"

    func main() {
        cart := shop.Cart{}
        cart.Total$0(1)
    }
"""
RUST = """
    #- Cargo.toml
    [package]
    name = "my-app"
    [dependencies]
    shop = { path = "shop" }
    #- shop/Cargo.toml
    [package]
    name = "shop"
    #- shop/src/lib.rs
    pub mod total;
    pub struct Cart { pub items: u32 }
    #- shop/src/total.rs
    use super::Cart;
    impl Cart {
        pub fn total(&self, rate: u32) -> u32 { self.items * rate }
    }
    #- src/main.rs
    fn main() {
        let cart = shop::Cart { items: 1 };
        cart.total$0(1);
    }
"""


@pytest.mark.parametrize(
    ("fixture", "place", "written"),
    [
        (GO, "shop/total.go", ("Cart.Total", "shop.Cart.Total")),
        (RUST, "shop/src/total.rs", ("Cart::total", "shop::Cart::total")),
    ],
)
def test_a_method_in_another_file_is_found_by_use_and_by_name(
    fixture: str, place: str, written: tuple[str, ...], make_index: Callable[..., Index], tmp_path: Path
) -> None:
    index = make_index(parse(fixture).write(tmp_path))
    marked = parse(fixture)
    assert marked.cursor is not None
    path = tmp_path / marked.cursor[0]
    document = Document(path.as_uri(), path, languages.detect_by_name(path.name), marked.text)
    names = index.open_names(document, marked.cursor[1])
    assert names is not None
    assert [each.relative for each in names.find_definitions()] == [place]
    for each in written:
        assert [hit.relative for hit in index.find_qualified(each)] == [place], each
    related = index.find_related_definitions(document, marked.cursor[1])
    assert place in [hit.relative for hit in related]
