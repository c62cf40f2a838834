"""Resolution in Rust: crates, modules, paths, types, and the members of receivers and types."""

from __future__ import annotations

import pytest

from indexing.resolution.files import read_table
from tests.indexing.resolution.workspaces import find, list_members, open_names

SHOP = """
#- Cargo.toml
[package]
name = "my-app"

[workspace]
members = ["shop"]

[dependencies]
shop = { path = "shop" }
renamed = { package = "price-list" }
#- lists/Cargo.toml
[package]
name = "price-list"
[lib]
path = "code/prices.rs"
#- lists/code/prices.rs
pub struct Price { pub cents: u64 }
#- shop/Cargo.toml
[package]
name = "shop"
#- shop/src/lib.rs
pub mod cart;
mod hidden;
pub mod shapes { pub struct Square; impl Square { pub fn side(&self) -> u32 { 1 } } }
pub use cart::{Cart, Item as Thing};
pub use hidden::*;
pub fn open() -> Cart { Cart::new() }
pub type Result<T> = std::result::Result<T, Error>;
pub struct Error;
#- shop/src/hidden.rs
pub struct Owner { pub first: Option<crate::cart::Item>, pub all: Vec<super::Thing> }
impl Owner { pub fn name(&self) -> String { String::new() } }
fn secret() {}
#- shop/src/cart/mod.rs
mod more;
use std::collections::HashMap;
use super::{Owner, Result};
#[derive(Clone)]
pub struct Cart {
    pub items: Vec<Item>,
    by_name: HashMap<String, Box<Item>>,
    pub owner: Option<Arc<Owner>>,
}
pub struct Item { pub name: String, pub kind: Kind }
pub enum Kind { Small, Big(Item, u8), Odd { part: Item } }
impl Kind { pub fn code(&self) -> u8 { 1 } }
pub trait Priced { fn price(&self) -> u32; fn twice(&self) -> u32 { 2 } }
impl Priced for Item { fn price(&self) -> u32 { 1 } }
impl Cart {
    pub const MAX: usize = 3;
    pub fn new() -> Self { Self { items: Vec::new(), owner: None } }
    pub fn find(&self, name: &str, deep: bool) -> Result<&Item> { todo!() }
    pub async fn load(&self) -> Result<Vec<Item>> { todo!() }
    fn secret(&self) {}
}
pub struct Pair<A, B> { pub left: A, pub right: B }
impl<X, Y> Pair<X, Y> { pub fn take(self) -> Y { self.right } }
pub struct Meter(pub Item, u8);
pub struct Guard { cart: Cart }
impl std::ops::Deref for Guard { type Target = Cart; fn deref(&self) -> &Cart { &self.cart } }
pub fn shared() -> Arc<Mutex<Cart>> { todo!() }
pub fn each(run: impl Fn(&Item, u8)) {}
#- shop/src/cart/more.rs
use super::Cart;
impl Cart { pub fn total(&self) -> u32 { 1 } }
#- src/helper.rs
pub fn help() -> shop::Cart { shop::open() }
pub(crate) fn inner() {}
fn own() {}
"""
HEAD = "use shop::{Cart, Thing, cart::{self, Kind, Priced}};\nmod helper;\n"
CART = ["items", "owner", "find", "load", "total"]
ITEM = ["name", "kind", "price", "twice"]
OWNER = ["first", "all", "name"]


def list_in(body: str, head: str = "fn main() {") -> list[str]:
    """Return the members of the receiver at the cursor of the function `body` in src/main.rs."""
    return list_members(f"{SHOP}#- src/main.rs\n{HEAD}\n{head}\n{body}\n}}\n")


@pytest.mark.parametrize(
    ("lines", "members"),
    [
        ("let c: Cart = todo!();", CART),
        ("let c = Cart::new();", CART),
        ("let c = shop::open();", CART),
        ("let c = helper::help();", CART),
        ("let c = crate::helper::help();", CART),
        ("let c = &mut Cart { items: vec![] };", CART),
        ("let c: &dyn Priced = todo!();", ["price", "twice"]),
        ("let c: Box<dyn Priced + Send> = todo!();", ["price", "twice"]),
        ("let c = Cart::new().clone();", CART),
        ("let c = Cart::new().items[0];", ITEM),
        ("let c = Arc::new(Cart::new());", CART),
        ('let c = Cart::new().find("a", true)?;', ITEM),
        ('let c = Cart::new().find("a", true).unwrap();', ITEM),
        ("let c = Cart::new().load().await?.pop().unwrap();", ITEM),
        ("let c = Cart::new().owner.as_ref().unwrap();", OWNER),
        ("let c = Cart::new().items.iter().filter(|x| true).next()?;", ITEM),
        ("let c = cart::shared().lock().unwrap();", CART),
        ("let c = Kind::Small;", ["code"]),
        ("let c = Kind::Big(x, 1);", ["0", "1", "code"]),
        ("let c = items.collect::<Vec<Thing>>()[1..][0];", ITEM),
        ("let c = text.parse::<Thing>().unwrap();", ITEM),
        ("let t: (Thing, u8) = x; let c = t.0;", ITEM),
        ("let (c, n): (Thing, u8) = x;", ITEM),
        ("let (c, n) = (Cart::new(), 1);", CART),
        ("let m: cart::Meter = x; let c = m.0;", ITEM),
        ("let c = if a { Cart::new() } else { shop::open() };", CART),
        ("let c = match a { 1 => Cart::new(), _ => todo!() };", CART),
        ("let c = unsafe { Cart::new() };", CART),
        ("let c = x as Thing;", ITEM),
        ("let p: cart::Pair<u8, Thing> = x; let c = p.take();", ITEM),
        ("let p: cart::Pair<Thing, u8> = x; let c = p.left;", ITEM),
        ("let g: cart::Guard = x; let c = g;", ["deref", *CART]),
        ("let c = shop::shapes::Square {};", ["side"]),
        ("let c: renamed::Price = x;", ["cents"]),
        ("let Some(c) = Cart::new().owner else { return };", OWNER),
        ("let f = |x: u8| -> Cart { todo!() }; let c = f(1);", CART),
    ],
)
def test_a_variable_has_the_type_of_its_value(lines: str, members: list[str]) -> None:
    assert list_in(lines.replace("; ", ";\n") + "\nc.$0") == members


@pytest.mark.parametrize(
    ("head", "receiver", "members"),
    [
        ("for each in &c.items {", "each", ITEM),
        ("for each in c.items.iter_mut().rev() {", "each", ITEM),
        ("for (place, each) in c.items.iter().enumerate() {", "each", ITEM),
        ("for (key, each) in &map {", "each", ITEM),
        ("if let Some(each) = &c.owner {", "each", OWNER),
        ("if let Ok(Some(each)) = x && let Some(ref own) = c.owner {", "own", OWNER),
        ("while let Some(each) = c.items.pop() {", "each", ITEM),
        ("match kind {\nKind::Big(each, _) => {", "each", ITEM),
        ("match pair {\n(_, Kind::Big(each, _)) => {", "each", ITEM),
        ("match kind {\nKind::Odd { part } => {", "part", ITEM),
        ("match kind {\nKind::Odd { part: Thing { kind: inner, .. } } => {", "inner", ["code"]),
        ("match kind {\neach @ Kind::Small => {", "each", ["code"]),
        ("match kind {\n_ => {", "kind", ["code"]),
        ("run(move |each: &Thing| {", "each", ITEM),
        ("c.items.iter().for_each(|each| {", "each", ITEM),
        ("c.owner.as_ref().map(|each| {", "each", OWNER),
        ("c.items.sort_by(|one, other| {", "other", ITEM),
        ("cart::each(|each, _| {", "each", ITEM),
        ("c.items.iter().enumerate().for_each(|(_, each)| {", "each", ITEM),
    ],
)
def test_a_block_declares_its_own_variables(head: str, receiver: str, members: list[str]) -> None:
    end = "})" if "(" in head and "|" in head else "}\n}" if "match" in head else "}"
    first = "let c = Cart::new();\nlet kind: Kind = x();\nlet map: std::collections::HashMap<u8, Thing> = x();"
    assert list_in(f"{first}\n{head}\n{receiver}.$0\n{end}") == members


def test_a_variable_of_a_block_ends_with_it() -> None:
    assert list_in("let c = Cart::new();\n{\nlet c: Thing = x;\nc.kind;\n}\nc.$0") == CART


def test_a_closure_may_be_in_the_edited_line() -> None:
    assert list_in("let c = Cart::new();\nlet n = c.items.iter().map(|each| each.$0).sum();") == ITEM
    assert list_in("let k: Kind = x();\nmatch k {\nKind::Big(each, _) => each.$0,\n_ => 1\n}") == ITEM
    assert list_in("", "fn first(c: Cart) -> u8 { c.$0") == CART


def test_self_is_the_type_of_its_impl_block() -> None:
    assert list_in("self.$0", "struct Own { cart: Cart }\nimpl Own { fn go(&self) {}\nfn run(&mut self) {")[:1] == [
        "cart"
    ]
    assert list_in("self.cart.$0\n}", "struct Own { cart: Cart }\nimpl Own { fn run(self) {") == CART
    assert "make" in list_in("Self::$0\n}", "struct Own;\nimpl Own { fn make() -> Own { Own }\nfn run() {")
    assert list_in("self.$0\n}", "trait Walk { fn go(&self);\nfn run(&self) {") == ["go", "run"]


def test_a_name_in_several_impl_blocks_has_all_these_meanings() -> None:
    impls = [f"impl From<{kind}> for A {{ fn from(x: {kind}) -> A {{ A }} }}" for kind in ("u8", "u16")]
    code = "\n".join(["struct A;", *impls])
    assert find_in(f"{code}\nfn f() {{\n    A::from$0(1)\n}}") == ["src/main.rs:2 A.from", "src/main.rs:3 A.from"]


def test_a_bound_of_a_type_parameter_gives_its_methods() -> None:
    assert list_in("x.$0", "fn run<T: Priced + Clone>(x: &T) {") == ["price", "twice"]
    assert list_in("x.$0", "fn run<T>(x: T) where T: Priced {") == ["price", "twice"]
    assert list_in("x.$0", "fn run(x: impl Priced) {") == ["price", "twice"]


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("Cart::", ["MAX", "new"]),
        ("Kind::", ["Small", "Big", "Odd"]),
        ("shop::", ["shapes", "open", "Result", "Error", "cart", "Cart", "Thing", "Owner"]),
        ("cart::", ["Cart", "Item", "Kind", "Priced", "Pair", "Meter", "Guard", "shared", "each"]),
        ("helper::", ["help", "inner"]),
        ("shop::shapes::", ["Square"]),
    ],
)
def test_a_path_has_what_its_module_or_type_shows(path: str, members: list[str]) -> None:
    assert list_in(f"let x = {path}$0") == members


def find_in(code: str, path: str = "src/main.rs") -> list[str]:
    """Return what the name at the cursor of the file `path` means, as "path:line qualified.name"."""
    return find(f"{SHOP}#- {path}\n{code}\n")


@pytest.mark.parametrize(
    ("statement", "name", "place"),
    [
        ("use shop::open;", "open", ["shop/src/lib.rs:6 open"]),
        ("use shop::open as o;", "o", ["shop/src/lib.rs:6 open"]),
        ("use shop::*;", "open", ["shop/src/lib.rs:6 open"]),
        ("use shop::*;", "Owner", ["shop/src/hidden.rs:1 Owner"]),
        ("use shop::cart::{self as c, Item};", "c::Kind", ["shop/src/cart/mod.rs:11 Kind"]),
        ("use shop::{cart::{Kind::{self, Small}}};", "Small", ["shop/src/cart/mod.rs:11 Kind.Small"]),
        ("use shop::cart::Kind::*;", "Odd", ["shop/src/cart/mod.rs:11 Kind.Odd"]),
        ("use shop::shapes::Square;", "Square", ["shop/src/lib.rs:3 shapes.Square"]),
        ("extern crate shop as s;", "s::Thing", ["shop/src/cart/mod.rs:10 Item"]),
        ("enum Own { A }\nuse Own::*;", "A", ["src/main.rs:1 Own.A"]),
        ("mod helper;\nuse helper::help;", "help", ["src/helper.rs:1 help"]),
        ("use crate::helper::help;", "help", ["src/helper.rs:1 help"]),
        ("use self::helper::help;", "help", ["src/helper.rs:1 help"]),
        ("", "shop::cart::Cart::new", ["shop/src/cart/mod.rs:17 Cart.new"]),
        ("", "crate::helper::own", ["src/helper.rs:3 own"]),
        ("use other::open;", "open", []),
    ],
)
def test_a_use_is_followed_to_its_definition(statement: str, name: str, place: list[str]) -> None:
    assert find_in(f"{statement}\nfn main() {{\n    {name}$0\n}}") == place


def test_super_is_the_module_around() -> None:
    assert find_in("use super::Cart;\nfn f(c: Cart) {\n    c.find$0\n}", "shop/src/cart/more.rs") == [
        "shop/src/cart/mod.rs:18 Cart.find"
    ]
    code = "fn own() {}\nmod tests {\n    use super::*;\n    fn t() {\n        own$0\n    }\n}"
    assert find_in(code) == ["src/main.rs:1 own"]
    assert find_in("fn f() {\n    super::super::open$0\n}", "shop/src/cart/more.rs") == ["shop/src/lib.rs:6 open"]
    assert find_in("fn f() {\n    super::super::super::open$0\n}", "shop/src/cart/more.rs") == []


def test_a_test_of_the_crate_names_its_library() -> None:
    assert find_in("use shop::open;\nfn t() {\n    open$0\n}", "shop/tests/all.rs") == ["shop/src/lib.rs:6 open"]


@pytest.mark.parametrize("text", ["[", "package = 1", "[package]\nname = 3", "x = " + "[" * 5_000, "[lib]\npath = 1"])
def test_a_malformed_manifest_counts_as_absent(text: str) -> None:
    files = f"#- Cargo.toml\n{text}\n#- src/other.rs\npub fn go() {{}}\n"
    code = "mod other;\nfn main() {\n    other::go$0\n    shop::open();\n}"
    assert find(f"{files}#- src/main.rs\n{code}\n") == ["src/other.rs:1 go"]


def test_a_call_has_the_parameters_of_its_method() -> None:
    call = open_names(
        f"{SHOP}#- src/main.rs\n{HEAD}\nfn main() {{\n    let c = Cart::new();\n    c.find($0)\n}}\n"
    ).find_call()
    assert call is not None
    assert [(each.name, each.kind) for each in call.parameters] == [("name", "positional"), ("deep", "positional")]


def test_marks_of_the_language_keep_the_length_of_the_text() -> None:
    text = """let x: &'a str = r#"a"b"#; // it's
/* " */ let c = '\\''; f::<Vec<A>>('x')?.await; vec![1]; b"x"
"a
b";"""
    names = open_names(f"#- a.rs\nfn f() {{\n{text}\n$0\n}}\n")
    assert len(names.plain) == len(names.text)
    assert "f[  Vec[A]]" in names.plain


def test_every_prefix_of_a_file_is_read() -> None:
    text = SHOP.partition("#- shop/src/cart/mod.rs\n")[2].partition("#- ")[0]
    whole = read_table("rust", text)
    assert len(whole.definitions) > 40
    for end in range(0, len(text), 3):
        table = read_table("rust", text[:end])
        assert all(each.span.start <= each.span.end <= end for each in table.definitions)


@pytest.mark.parametrize(
    "text",
    [
        "const X: u8 = " + "(" * 3_000 + ")" * 3_000 + ";",
        "fn f() { let x = " + "f(" * 300 + ")" * 300 + "; }",
        "type T = " + "Vec<" * 300 + "u8" + ">" * 300 + ";",
        "use a::{" * 200 + "b" + "}" * 200 + ";",
        "fn f() { let " + "(" * 200 + "a" + ")" * 200 + " = b; }",
        "mod a { " * 200 + "}" * 200,
        "fn f() { let x = " + "a." * 5_000 + "b; }",
        "\x00\ufffd fn impl struct ))) match {{{ use ::{",
        "impl for { fn (self) } enum { A( } trait : ;",
    ],
)
def test_odd_texts_have_a_table(text: str) -> None:
    read_table("rust", text)
    list_members(f"#- a.rs\n{text}\nfn g() {{\na.$0\n")


def test_items_inside_a_macro_call_are_read_as_plain_code() -> None:
    inner = "cfg_b! {\n    impl A { pub fn inner(&self) {} }\n}"
    code = f"cfg_a! {{\n    /// a remark\n    #[derive(Clone)]\n    pub struct A {{ pub ä: u8 }}\n{inner}\n}}\n"
    table = read_table("rust", code)
    assert [each.name for each in table.definitions] == ["A", "ä", "A", "inner"]
    assert code[table.definitions[3].span.start :].startswith("pub fn inner")
    assert read_table("rust", "say! { hello }\nother!(pub fn a() {});\n").definitions == ()
    assert list_members(f"#- a.rs\n{code}fn f(a: A) {{\na.$0\n}}\n") == ["ä", "inner"]


def test_types_and_modules_in_a_circle_end() -> None:
    code = "trait A: B {}\ntrait B: A { fn go(&self); }\nuse self::x as y;\nuse self::y as x;\ntype T = T;\n"
    assert list_members(f"#- a.rs\n{code}fn f(a: &dyn A, t: T) {{\na.$0\n}}\n") == ["go"]
    assert find(f"#- a.rs\n{code}fn f() {{\nx$0\n}}\n") == []
