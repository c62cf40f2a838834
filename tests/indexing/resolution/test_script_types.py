"""Types of receivers in TypeScript and JavaScript, their members, and the call around the cursor."""

from __future__ import annotations

import pytest

from indexing.resolution.files import read_table
from indexing.resolution.languages.script import RULES
from tests.indexing.resolution.workspaces import find, list_members, open_names

ZOO = """
#- zoo.ts
export interface Named { name: string; rename(to: string): this }
export abstract class Animal implements Named {
  readonly home: Home = new Home()
  friends: Dog[] = []
  private byName = new Map<string, Dog>()
  #keeper?: Keeper
  constructor(public name: string, protected cage: Cage, plain: Home) { this.late = new Late() }
  rename(to: string): this { return this }
  get first(): Dog | undefined { return this.friends[0] }
  async load(): Promise<Dog> {}
  static create(kind: string): Dog { return new Dog() }
  onOpen = (door: Door): Dog => this.friends.find(each => each.bark())
  #hide() {}
}
export class Dog extends Animal {
  bark(times = 1, ...rest: string[]): void {}
}
export class Home { open() {} }
export class Cage { lock() {} }
export class Keeper { feed() {} }
export class Late { come() {} }
export type Pet = Dog | null
export type Options = { pet: Pet; close(): void } & Named
export type Loader = (home: Home, dog: Dog) => Promise<Cage>
export function adopt(kind: string): Dog | undefined { return undefined }
export function adoptAny() { return new Dog() }
export function over(a: string): Dog
export function over(a: number): Dog
export function over(a: unknown) { return new Dog() }
export function withDog(run: (dog: Dog, home: Home) => void) {}
export const makeDog = () => new Dog()
export const tools = { wash(dog: Dog) {}, dog: new Dog() }
export enum Size { Small, Large }
export namespace Vet { export function weigh() {} }
export class Door { constructor(readonly opened: (dog: Dog) => void) {} }
#- main.ts
import { Animal, Dog, Door, Home, Size, Vet, adopt, adoptAny, over, withDog, makeDog, tools } from "./zoo"
import type { Loader, Named, Options, Pet } from "./zoo"
import * as zoo from "./zoo"
"""


def find_here(code: str) -> list[str]:
    """Return what the name at the cursor means, as "path qualified.name"."""
    names = open_names(f"{ZOO}{code}\n").find_definitions()
    return [f"{each.relative} {each.qualified}" for each in names]


@pytest.mark.parametrize(
    "code",
    [
        "function f(it: Dog) { it.bark$0() }",
        "function f(it?: Dog | null) { it?.bark$0() }",
        "function f(it: zoo.Dog) { it.bark$0() }",
        "function f(it: Pet) { it!.bark$0() }",
        "function f<T extends Dog>(it: T) { it.bark$0() }",
        "function f({ pet }: Options) { pet.bark$0() }",
        "function f({ pet: it = null }: Options) { it.bark$0() }",
        "const f = (it: Dog) => it.bark$0()",
        "const it = new Dog()\nit.bark$0()",
        "const it = new zoo.Dog()\nit.bark$0()",
        "const it = x as Dog\nit.bark$0()",
        "const it = <Dog>x\nit.bark$0()",
        "const it = adopt('a') ?? new Dog()\nit.bark$0()",
        "const it = ok ? adopt('a') : null\nit.bark$0()",
        "const it = adoptAny()\nit.bark$0()",
        "const it = over(1)\nit.bark$0()",
        "const it = makeDog()\nit.bark$0()",
        "const it = Dog.create('a')\nit.bark$0()",
        "const it = await new Dog().load()\nit.bark$0()",
        "new Dog().load().then(it => it.bark$0())",
        "const it = new Dog().first\nit.bark$0()",
        "const it = new Dog().rename('a')\nit.bark$0()",
        "const it = tools.dog\nit.bark$0()",
        "function f(it: unknown) {\n  if (it instanceof Dog) { it.bark$0() }\n}",
        "for (const it of new Dog().friends) { it.bark$0() }",
        "new Dog().friends.forEach((it) => { it.bark$0() })",
        "new Dog().friends.filter(x => x).map(it => it.bark$0())",
        "const it = new Dog().friends[0]\nit.bark$0()",
        "const [it] = new Dog().friends\nit.bark$0()",
        "const map = new Map<string, Dog>()\nmap.get('a')!.bark$0()",
        "const map: Map<string, Dog> = x\nfor (const [key, it] of map) { it.bark$0() }",
        "const map: Map<string, Dog> = x\nmap.forEach((it, key) => { it.bark$0() })",
        "withDog((it) => it.bark$0())",
        "new Door(it => { it.bark$0() })",
        "const l: Loader = x\nl(y, it => it).then(z => z)\nnew Dog().bark$0()",
        "class A { constructor(private it: Dog) {} run() { this.it.bark$0() } }",
        "class A { #it = new Dog(); run() { this.#it.bark$0() } }",
        "class A { it?: Dog; run = () => { this.it?.bark$0() } }",
        "class A extends Dog { run() { super.bark$0() } }",
        "class A extends Dog { run() { return () => this.bark$0() } }",
        "const { dog } = tools\ndog.bark$0()",
    ],
)
def test_a_receiver_has_a_type(code: str) -> None:
    assert find_here(code) == ["zoo.ts Dog.bark"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("new Dog().home.open$0()", "zoo.ts Home.open"),
        ("class A extends Dog { run() { this.cage.lock$0() } }", "zoo.ts Cage.lock"),
        ("class A extends Dog { run() { this.late.come$0() } }", "zoo.ts Late.come"),
        ("function f(it: Named) { it.rename$0('a') }", "zoo.ts Named.rename"),
        ("function f(it: Options) { it.close$0() }", "zoo.ts Options.close"),
        ("function f(it: Options) { it.rename$0() }", "zoo.ts Named.rename"),
        ("function f(load: Loader) { load(a, b).then(it => it.lock$0()) }", "zoo.ts Cage.lock"),
        ("withDog((a, it) => it.open$0())", "zoo.ts Home.open"),
        ("Vet.weigh$0()", "zoo.ts Vet.weigh"),
        ("Size.Small$0", "zoo.ts Size.Small"),
        ("tools.wash$0(x)", "zoo.ts tools.wash"),
        ("Animal.create$0('a')", "zoo.ts Animal.create"),
        ("over$0(1)", "zoo.ts over"),
    ],
)
def test_a_member_is_found(code: str, found: str) -> None:
    assert find_here(code) == [found]


@pytest.mark.parametrize(
    "code", ["it.bark$0()", "const it: Unknown = x\nit.bark$0()", "const it = Dog + 1\nit.bark$0()", "''.bark$0()"]
)
def test_a_receiver_without_a_known_type_has_no_members(code: str) -> None:
    assert find_here(code) == []


def test_the_implementation_stands_for_its_overloads() -> None:
    assert find(f"{ZOO}over$0(1)\n") == ["zoo.ts:29 over"]


def test_the_members_of_a_half_typed_line_are_listed() -> None:
    assert list_members(f"{ZOO}function f(it: Dog) {{\n  if (it.$0\n}}\n")[:2] == ["bark", "home"]
    assert "#hide" not in list_members(f"{ZOO}new Dog().$0\n")


def test_a_file_that_ends_at_the_cursor_is_read_as_if_it_were_closed() -> None:
    assert find_here("class A { it = new Dog()\n  run(more: Home) {\n    if (more) {\n      this.it.bark$0") == [
        "zoo.ts Dog.bark"
    ]
    assert find_here("function f(more: Home) {\n  call('}', `}`, () => { // }\n    more.open$0") == ["zoo.ts Home.open"]


@pytest.mark.parametrize("code", ["new Dog().$0", "tools.$0", "Size.$0", "function f(it: Options) {\n  it.$0\n}"])
def test_an_object_may_have_more_members_than_its_class_says(code: str) -> None:
    receiver = open_names(f"{ZOO}{code}\n").find_receiver()
    assert receiver is not None
    assert receiver.members
    assert not receiver.is_complete


def test_a_call_lists_the_parameters_that_are_missing() -> None:
    call = open_names(f"{ZOO}function f(it: Dog) {{\n  it.bark($0)\n}}\n").find_call()
    assert call is not None
    assert [(each.name, each.kind, each.default) for each in call.parameters] == [
        ("times", "positional", ""),
        ("rest", "rest", ""),
    ]
    made = open_names(f"{ZOO}new Door($0)\n").find_call()
    assert made is not None
    assert [each.name for each in made.parameters] == ["opened"]


def test_javascript_classes_are_read_without_annotations() -> None:
    code = """
    #- till.js
    class Drawer { open() {} }
    class Till { constructor() { this.drawer = new Drawer() } get first() { return this.drawer } }
    module.exports = { Till }
    #- main.js
    const { Till } = require("./till")
    const till = new Till()
    till.first.open$0()
    """
    assert find(code) == ["till.js:1 Drawer.open"]


def test_components_in_tsx_are_read() -> None:
    code = """
    #- list.tsx
    export const List = (props: { count: number }) => <ul>{props.count}</ul>
    #- main.tsx
    import { List } from "./list"
    export const Page = () => <List$0 count={1} />
    """
    assert find(code) == ["list.tsx:1 List"]


@pytest.mark.parametrize(
    ("line", "placeholder"),
    [
        ("  a.b(c$0", "  _($0"),
        ("  a.b(c)$0", "  ;$0"),
        ("  if (a.b$0) {", "  if (_) {$0"),
        ("  } else {$0", "  }if (_) {$0"),
        ("})$0", "});$0"),
        ("  a: 1,$0", "  ,$0"),
        ("  items.map($0(each) => {", "  _(() => {$0"),
        ("  items.map((each) => each.a$0)", "  items.map((each) => _$0);"),
        ("  items.map((each) => { each.a$0", "  items.map((each) => {$0"),
        ("  run(a: A) { a.b$0 }", "  run(a: A) {$0};"),
        ("  call({$0", "  _({$0"),
        ("  '}{('$0", "  ;$0"),
    ],
)
def test_brackets_and_heads_of_functions_in_an_edited_line_stay(line: str, placeholder: str) -> None:
    column = line.index("$0")
    text, place = RULES.make_placeholder(line.replace("$0", ""), column, "  next()")
    assert f"{text[:place]}$0{text[place:]}" == placeholder


@pytest.mark.parametrize(
    "text",
    ["", "class {", "export", "import {", "({", "class A { get }", "export default", "import x from", "function (",
     "a?.", "export * from", "const {", "x => ", "enum {", "for (const of", "module.exports =", "`${"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["typescript", "javascript", "tsx"])
def test_broken_code_gives_a_table_all_the_same(language: str, text: str) -> None:
    assert "whole" in read_table(language, f"function whole() {{}}\n{text}").members.get(-1, {})
