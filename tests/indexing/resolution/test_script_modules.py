"""Modules of TypeScript and JavaScript: paths, endings, configuration, packages, and what a module exports."""

from __future__ import annotations

import pytest

from tests.indexing.resolution.workspaces import find


def find_in(files: str, code: str) -> list[str]:
    """Return what the name at the cursor in src/app.ts means, in a workspace with `files`."""
    return [each.partition(" ")[0] for each in find(f"{files}\n#- src/app.ts\n{code}\n")]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("src/shop.ts", "./shop"),
        ("src/shop.ts", "./shop.ts"),
        ("src/shop.ts", "./shop.js"),
        ("src/shop.mts", "./shop.mjs"),
        ("src/shop.tsx", "./shop.js"),
        ("src/shop.tsx", "./shop.jsx"),
        ("src/shop.d.ts", "./shop"),
        ("src/shop.jsx", "./shop"),
        ("src/shop/index.ts", "./shop"),
        ("src/shop/index.ts", "./shop/"),
        ("src/shop/index.ts", "./shop/index.js"),
        ("src/index.ts", "."),
        ("index.ts", ".."),
        ("shop/a.b.ts", "../shop/a.b"),
        ("src/shop.ts", "src/shop"),
    ],
)
def test_a_path_stands_for_a_file(path: str, written: str) -> None:
    found = find_in(f"#- {path}\nexport function buy() {{}}", f'import {{ buy }} from "{written}"\nbuy$0()')
    assert found == [f"{path}:1"]


def test_the_source_comes_before_what_is_built_from_it() -> None:
    files = "#- src/shop.js\nexport function buy() {}\n#- src/shop.ts\n\nexport function buy() {}"
    assert find_in(files, 'import { buy } from "./shop.js"\nbuy$0()') == ["src/shop.ts:2"]


def test_a_path_out_of_the_workspace_is_not_followed() -> None:
    assert find_in("#- buy.ts\nexport function buy() {}", 'import { buy } from "../../buy"\nbuy$0()') == []


PATHS = """
#- tsconfig.base.json
{
  // one for all packages
  "compilerOptions": { "baseUrl": "./code", "paths": { "@shop/*": ["shop/*", "old/*"], "prices": ["p.ts"], }, },
}
#- tsconfig.json
{ "extends": "./tsconfig.base.json", "include": ["src/**/*"] }
#- code/shop/cart.ts
export const fill = (count: number) => count
#- code/old/basket.ts
export function carry() {}
#- code/p.ts
export class Price {}
#- code/plain/tax.ts
export class Tax {}
"""


@pytest.mark.parametrize(
    ("written", "name", "place"),
    [
        ("@shop/cart", "fill", "code/shop/cart.ts:1"),
        ("@shop/basket", "carry", "code/old/basket.ts:1"),
        ("prices", "Price", "code/p.ts:1"),
        ("plain/tax", "Tax", "code/plain/tax.ts:1"),
    ],
)
def test_the_configuration_maps_names_to_paths(written: str, name: str, place: str) -> None:
    assert find_in(PATHS, f'import {{ {name} }} from "{written}"\n{name}$0()') == [place]


PACKAGES = """
#- packages/ui/package.json
{ "name": "@acme/ui", "exports": { ".": { "import": "./dist/main.mjs" }, "./parts/*": "./src/parts/*.ts" } }
#- packages/ui/src/main.ts
export class Button {}
#- packages/ui/src/parts/list.ts
export class List {}
#- node_modules/dates/package.json
{ "name": "dates", "main": "lib/dates.js", "types": "types/dates.d.ts" }
#- node_modules/dates/lib/dates.js
exports.today = function () {}
#- node_modules/dates/types/dates.d.ts
export declare function today(): Date
#- node_modules/@types/old/package.json
{ "name": "@types/old" }
#- node_modules/@types/old/index.d.ts
declare function old(): void
export = old
#- node_modules/plain/package.json
{}
#- node_modules/plain/index.js
module.exports = { run() {}, stop }
function stop() {}
#- src/package.json
{ "imports": { "#secret": { "default": "./hidden.ts" } } }
#- src/hidden.ts
export function hide() {}
"""


@pytest.mark.parametrize(
    ("statement", "name", "place"),
    [
        ('import { Button } from "@acme/ui"', "Button", "packages/ui/src/main.ts:1"),
        ('import { List } from "@acme/ui/parts/list"', "List", "packages/ui/src/parts/list.ts:1"),
        ('import { today } from "dates"', "today", "node_modules/dates/types/dates.d.ts:1"),
        ('import { today } from "dates/lib/dates"', "today", "node_modules/dates/lib/dates.js:1"),
        ('import old from "old"', "old", "node_modules/@types/old/index.d.ts:1"),
        ('import old = require("old")', "old", "node_modules/@types/old/index.d.ts:1"),
        ('const { stop } = require("plain")', "stop", "node_modules/plain/index.js:2"),
        ('import { hide } from "#secret"', "hide", "src/hidden.ts:1"),
    ],
)
def test_a_package_says_which_files_it_exports(statement: str, name: str, place: str) -> None:
    assert find_in(PACKAGES, f"{statement}\n{name}$0()") == [place]


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"name": 1, "exports": 3}', '{"exports": {"./x": [[]]}}', '{"a":' * 2000]
)
def test_a_malformed_package_counts_as_absent(text: str) -> None:
    files = f"#- node_modules/plain/package.json\n{text}\n#- node_modules/plain/x.ts\nexport function buy() {{}}"
    assert find_in(files, 'import { buy } from "plain/y"\nbuy$0()') == []


EXPORTS = """
#- src/shop.ts
export class Cart {}
export class Basket {}
function pay() {}
export { pay as settle }
export default pay
export const rate = 2
#- src/lists.ts
export default class {}
#- src/all.ts
export * from "./shop"
export { Cart as Trolley, default as payment } from "./shop"
export * as shop from "./shop"
export * from "./all"
#- src/old.js
const { Cart } = require("./shop")
class Till {}
exports.Cart = Cart
module.exports.open = function () {}
module.exports.Till = Till
#- src/whole.js
module.exports = class Whole {}
"""


@pytest.mark.parametrize(
    ("statement", "name", "place"),
    [
        ('import { Cart } from "./shop"', "Cart", "src/shop.ts:1"),
        ('import { Cart as C } from "./shop"', "C", "src/shop.ts:1"),
        ('import { settle } from "./shop"', "settle", "src/shop.ts:3"),
        ('import any from "./shop"', "any", "src/shop.ts:3"),
        ('import * as s from "./shop"', "s.Basket", "src/shop.ts:2"),
        ('import List from "./lists"', "List", "src/lists.ts:1"),
        ('import { Basket } from "./all"', "Basket", "src/shop.ts:2"),
        ('import { Trolley } from "./all"', "Trolley", "src/shop.ts:1"),
        ('import { payment } from "./all"', "payment", "src/shop.ts:3"),
        ('import { shop } from "./all"', "shop.Cart", "src/shop.ts:1"),
        ('import type { Cart } from "./all"', "Cart", "src/shop.ts:1"),
        ('const old = require("./old")', "old.open", "src/old.js:4"),
        ('const { Cart: C } = require("./old")', "C", "src/shop.ts:1"),
        ('const Till = require("./old").Till', "Till", "src/old.js:2"),
        ('import Whole from "./whole"', "Whole", "src/whole.js:1"),
        ('const Whole = require("./whole")', "Whole", "src/whole.js:1"),
        ('const s = await import("./shop")', "s.Cart", "src/shop.ts:1"),
    ],
)
def test_an_export_is_followed_to_its_definition(statement: str, name: str, place: str) -> None:
    assert find_in(EXPORTS, f"{statement}\n{name}$0()") == [place]


@pytest.mark.parametrize("statement", ['import { none } from "./all"', 'import none from "./all"', "let none"])
def test_what_nothing_exports_is_not_found(statement: str) -> None:
    assert [each for each in find_in(EXPORTS, f"{statement}\nnone$0()") if not each.startswith("src/app.ts")] == []
