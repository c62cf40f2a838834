"""Definitions that TypeScript code at a cursor may use next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.indexing.resolution.test_likely import rank

if TYPE_CHECKING:
    from pathlib import Path

STORE = """
#- store.ts
export class Store {
  constructor(private path: string) {}
  read(key: string) {}
  static parse(text: string): Store {}
}
export function openStore(path: string): Store {}
function hide() {}
#- main.ts
import {
  Store,
  openStore,
} from "./store"
"""


def test_imported_names_and_members_of_typed_receivers_are_candidates(tmp_path: Path) -> None:
    found = rank(f"{STORE}export function run(store: Store) {{\n  $0\n}}\n", tmp_path, "typescript")
    assert set(found) == {"Store", "openStore", "Store.read", "Store.parse"}


def test_after_a_dot_only_members_are_candidates(tmp_path: Path) -> None:
    found = rank(f"{STORE}export function run(store?: Store) {{\n  store?.$0\n}}\n", tmp_path, "typescript")
    assert set(found) == {"Store.read", "Store.parse"}


def test_a_name_that_only_an_import_over_several_lines_mentions_counts_as_unused(tmp_path: Path) -> None:
    used = "  openStore('a')\n  openStore('b')\n"
    found = rank(
        f"{STORE}export function run() {{\n{used}}}\nexport function go() {{\n  $0\n}}\n", tmp_path, "typescript"
    )
    assert "Store" in found[:2]
