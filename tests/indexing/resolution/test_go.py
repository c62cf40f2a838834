"""Resolution in Go: packages of several files, modules, types, and the members of receivers."""

from __future__ import annotations

import time

import pytest

from indexing.resolution.files import TableCache, read_table
from indexing.resolution.languages.go.tables import list_names
from tests.indexing.resolution.workspaces import find, list_members, open_names

SHOP = """
#- go.mod
module example.com/app

go 1.21
#- shop/base.go
package shop

type Base struct {
	ID int
}

func (b *Base) Save() error { return nil }
func (c *Cart) Total() (sum Money, err error) { return sum, nil }
func NewCart(owner *Owner) (*Cart, error) { return nil, nil }
#- shop/cart.go
package shop

type Cart struct {
	*Base
	Items  []*Item
	byName map[string]Item
	Hooks  map[string]func(*Item) Money
}
type Item struct { Name string; Owner *Owner }
type Owner struct{ First *Item }
type Money int64
func (m Money) String() string { return "" }
func (i Item) Price(count int) Money { return 1 }
type Shape interface {
	Area() Money
}
type Solid interface {
	Shape
	Volume() Money
}
type Carts []*Cart
func (c Carts) Len() int { return 0 }
type Pair[K comparable, V any] struct { Key K; Value V }
func (p *Pair[A, B]) Get() B { return p.Value }
type Alias = Item
type Kind int
const (
	Small Kind = iota
	Large
)
func (k Kind) Name() string { return "" }
var Default = &Cart{}
func hidden() {}
#- shop/cart_test.go
package shop

func helper() *Item { return nil }
#- shop/gen.go
package main

func Generate() {}
"""


def list_in(body: str, path: str = "cmd/main.go", head: str = 'import "example.com/app/shop"') -> list[str]:
    """Return the members of the receiver at the cursor of the function `body`."""
    package = "package main" if path.startswith("cmd/") else "package shop"
    return list_members(f"{SHOP}#- {path}\n{package}\n\n{head}\n\n{body}\n")


CART = ["Base", "Items", "Hooks", "Total", "ID", "Save"]
ITEM = ["Name", "Owner", "Price"]


@pytest.mark.parametrize(
    ("line", "members"),
    [
        ("c, err := shop.NewCart(nil)", CART),
        ("c := &shop.Cart{}", CART),
        ("c := new(shop.Cart)", CART),
        ("var c shop.Cart", CART),
        ("var c, d = shop.Cart{}, 1", CART),
        ("c := shop.Default", CART),
        ("c := shop.Default.Items[0]", ITEM),
        ("c := shop.Default.Items[1:][0]", ITEM),
        ("c := make([]shop.Item, 2)[0]", ITEM),
        ("c := append([]shop.Item{}, x)[0]", ITEM),
        ("c, ok := x.(*shop.Item)", ITEM),
        ("c := map[string]*shop.Item{}[k]", ITEM),
        ("var items map[string]shop.Item; c, ok := items[k]", ITEM),
        ("items := make(chan *shop.Item); c := <-items", ITEM),
        ("c := func() *shop.Item { return nil }()", ITEM),
        ("c := shop.Money(2)", ["String"]),
        ("c := (*shop.Item)(nil)", ITEM),
        ("c, _ := shop.Default.Total()", ["String"]),
        ('c := shop.Default.Hooks["a"](nil)', ["String"]),
        ("c := shop.Alias{}", ITEM),
        ("c := shop.Large", ["Name"]),
        ("var c shop.Solid", ["Volume", "Area"]),
        ("var c shop.Pair[string, *shop.Item]; d := c", ["Key", "Value", "Get"]),
        ("var p shop.Pair[string, *shop.Item]; c := p.Value", ITEM),
        ("p := shop.Pair[string, shop.Item]{}; c := p.Get()", ITEM),
        ("var carts shop.Carts; c := carts[0]", CART),
        ("c := struct{ A int; B shop.Item }{}", ["A", "B"]),
    ],
)
def test_a_variable_has_the_type_of_its_value(line: str, members: list[str]) -> None:
    body = "".join(f"\t{each}\n" for each in line.split("; "))
    assert list_in(f"func main() {{\n{body}\tc.$0\n}}") == members


@pytest.mark.parametrize(
    ("head", "receiver", "members"),
    [
        ("for _, each := range c.Items {", "each", ITEM),
        ("for key, each := range map[string]shop.Item{} {", "each", ITEM),
        ("for key := range map[shop.Kind]int{} {", "key", ["Name"]),
        ("for each := range make(chan shop.Item) {", "each", ITEM),
        ("for _, each := range shop.Carts{} {", "each", CART),
        ("for _, each := range []struct{ A shop.Item }{} {", "each.A", ITEM),
        ("if each, ok := x.(shop.Item); ok {", "each", ITEM),
        ("switch each := x.(type) {\n\tcase *shop.Item:", "each", ITEM),
        ("switch each := c.(type) {\n\tcase shop.Item, int:", "each", CART),
        ("select {\n\tcase each := <-make(chan shop.Item):", "each", ITEM),
        ("run(func(each *shop.Item) {", "each", ITEM),
    ],
)
def test_a_block_declares_its_own_variables(head: str, receiver: str, members: list[str]) -> None:
    end = "\t})" if head.startswith("run(") else "\t}"
    body = f"\tc := shop.Default\n\t{head}\n\t\t{receiver}.$0\n{end}"
    assert list_in(f"func main() {{\n{body}\n}}") == members


def test_a_variable_of_a_block_ends_with_it() -> None:
    body = "\tc := shop.Default\n\tif c := x.(shop.Item); true {\n\t\tc.Price(1)\n\t}\n\tc.$0"
    assert list_in(f"func main() {{\n{body}\n}}") == CART


def test_receiver_parameters_and_named_results_have_their_types() -> None:
    head = "func (c *Cart) do(i, j Item, rest ...*Owner) (k Kind, err error) {"
    for name, first in (("c", "Base"), ("j", "Name"), ("rest[0]", "First"), ("k", "Name")):
        found = list_in(f"{head}\n\t{name}.$0\n}}", "shop/more.go", "")
        assert found[:1] == [first], name


def test_members_that_are_not_exported_count_in_their_own_package_only() -> None:
    body = "func f() {\n\tc := Cart{}\n\tc.$0\n}"
    assert "byName" in list_in(body, "shop/more.go", "")
    assert "byName" not in list_in(body.replace("Cart{}", "shop.Cart{}"))
    names = list_in("func main() {\n\tshop.$0\n}")
    assert {"NewCart", "Cart", "Default", "Small"} <= set(names)
    assert not {"hidden", "helper", "Generate"} & set(names)


def find_in(code: str, path: str = "cmd/main.go") -> list[str]:
    """Return what the name at the cursor of the file `path` means."""
    return find(f"{SHOP}#- {path}\n{code}\n")


@pytest.mark.parametrize(
    ("statement", "name", "place"),
    [
        ('import "example.com/app/shop"', "shop.NewCart", ["shop/base.go:9 NewCart"]),
        ('import s "example.com/app/shop"', "s.NewCart", ["shop/base.go:9 NewCart"]),
        ('import . "example.com/app/shop"', "NewCart", ["shop/base.go:9 NewCart"]),
        ('import . "example.com/app/shop"', "Item", ["shop/cart.go:9 Item"]),
        ('import . "example.com/app/shop"', "hidden", []),
        ('import _ "example.com/app/shop"', "shop.NewCart", []),
        ('import (\n\t"fmt"\n\ts "example.com/app/shop"\n)', "s.Cart", ["shop/cart.go:3 Cart"]),
        ('import "example.com/other/shop"', "shop.NewCart", []),
        ('import "shop"', "shop.NewCart", []),
    ],
)
def test_an_import_binds_a_package(statement: str, name: str, place: list[str]) -> None:
    assert find_in(f"package main\n\n{statement}\n\nfunc main() {{\n\t{name}$0\n}}") == place


def test_all_files_of_a_folder_are_one_package() -> None:
    code = "package shop\n\nfunc more() {\n\tNewCart(nil).Total$0\n}"
    assert find_in(code.replace("NewCart(nil).Total$0", "NewCart$0"), "shop/more.go") == ["shop/base.go:9 NewCart"]
    assert find_in(code.replace("NewCart(nil).Total$0", "Default.Total$0"), "shop/more.go") == [
        "shop/base.go:8 Cart.Total"
    ]
    assert find_in(code.replace("NewCart(nil).Total$0", "Generate$0"), "shop/more.go") == []


def test_a_test_sees_its_package_and_its_helpers() -> None:
    code = "package shop\n\nfunc TestA() {\n\thelper().Price$0\n}"
    assert find_in(code, "shop/more_test.go") == ["shop/cart.go:13 Item.Price"]
    assert find_in(code, "shop/more.go") == []
    outside = code.replace("package shop", "package shop_test")
    assert find_in(outside, "shop/more_test.go") == []


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("vendor/github.com/x/y/y.go", "github.com/x/y"),
        ("cmd/vendor/github.com/x/y/y.go", "github.com/x/y"),
        ("tools/internal/y/y.go", "example.com/app/tools/internal/y"),
        ("nested/y/y.go", "example.com/nested/y"),
        ("nested/y.go", "example.com/nested"),
    ],
)
def test_a_path_is_looked_up_in_vendor_folders_and_modules(path: str, module: str) -> None:
    nested = "#- nested/go.mod\nmodule example.com/nested // a remark\n"
    code = f'package main\n\nimport y "{module}"\n\nfunc main() {{\n\ty.Run$0\n}}'
    found = find(f"{SHOP}{nested}#- {path}\npackage y\n\nfunc Run() {{}}\n#- cmd/main.go\n{code}\n")
    assert found == [f"{path}:3 Run"]


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("fmt", ("fmt",)),
        ("net/http", ("http",)),
        ("github.com/go-chi/chi/v5", ("chi",)),
        ("gopkg.in/yaml.v3", ("yaml",)),
        ("github.com/mattn/go-isatty", ("isatty",)),
        ("github.com/a/b-c", ("bc", "b", "c", "b_c")),
        ("", ()),
    ],
)
def test_the_name_of_a_package_follows_from_its_path(module: str, names: tuple[str, ...]) -> None:
    assert list_names(module) == names


def test_a_call_has_the_parameters_of_its_function() -> None:
    code = 'package main\n\nimport "example.com/app/shop"\n\nfunc main() {\n\tshop.NewCart($0)\n}'
    call = open_names(f"{SHOP}#- cmd/main.go\n{code}\n").find_call()
    assert call is not None
    assert [(each.name, each.kind, each.annotation) for each in call.parameters] == [("owner", "positional", "Owner")]


def test_a_receiver_of_a_struct_without_foreign_bases_is_complete() -> None:
    def is_complete(code: str) -> bool:
        """Return whether all members of the receiver at the cursor are known."""
        found = open_names(f'#- a.go\npackage a\n\nimport "io"\n\n{code}\n').find_receiver()
        assert found is not None
        return found.is_complete

    assert is_complete("type A struct{ x int }\nfunc (a A) f() {\n\ta.$0\n}")
    assert not is_complete("type A struct{ io.Reader }\nfunc (a A) f() {\n\ta.$0\n}")


def test_members_are_not_all_known_while_a_file_of_the_package_is_not_read() -> None:
    code = "#- a.go\npackage a\n\ntype A struct{ x int }\nfunc f(a A) {\n\ta.$0\n}\n"
    tables = TableCache()
    open_names(code, tables=tables)
    both = f"{code}#- b.go\npackage a\n\nfunc (a A) g() {{}}\n"
    late = open_names(both, tables=tables, deadline=time.monotonic() - 1).find_receiver()
    assert late is not None
    assert ([each.name for each in late.members], late.is_complete) == (["x"], False)
    found = open_names(both, tables=tables).find_receiver()
    assert found is not None
    assert ([each.name for each in found.members], found.is_complete) == (["x", "g"], True)


def test_the_edited_line_may_be_a_function_of_its_own() -> None:
    assert list_in("func f(i *Item) Money { return i.$0 }", "shop/more.go", "") == ITEM
    assert list_in("func f(i *Item) {\n\tgo func(o *Owner) { o.$0 }(nil)\n}", "shop/more.go", "") == ["First"]
    assert list_in("func f(i *Item) {\n\tif i.$0 {\n\t}\n}", "shop/more.go", "") == ITEM
    assert list_in("func f(i *Item) {\n\tg(1,\n\t\ti.$0\n}", "shop/more.go", "") == ITEM
    assert list_in('func f(i *Item) {\n\t// it\'s `odd\n\tx := "{" + i.$0\n}', "shop/more.go", "") == ITEM


def test_every_prefix_of_a_file_is_read() -> None:
    text = SHOP.partition("#- shop/cart.go\n")[2].partition("#- ")[0]
    whole = read_table("go", text)
    assert len(whole.definitions) > 30
    for end in range(0, len(text), 3):
        table = read_table("go", text[:end])
        assert all(each.span.start <= each.span.end <= end for each in table.definitions)


@pytest.mark.parametrize(
    "text",
    [
        "package a\nvar x = " + "(" * 3_000 + ")" * 3_000,
        "package a\nvar x = " + "f(" * 200 + ")" * 200,
        "package a\nvar x " + "[]" * 500 + "int",
        "package a\ntype T " + "struct { A " * 60 + "int" + "}" * 60,
        "package a\nfunc f() { x := " + "a." * 5_000 + "b }",
        "\x00\ufffd func type struct ))) := range {{{",
        "func (\n) f(\ntype = interface {\nimport (\n",
    ],
)
def test_odd_texts_have_a_table(text: str) -> None:
    read_table("go", text)
    list_members(f"#- a.go\n{text}\nfunc g() {{\n\ta.$0\n")


def test_types_in_a_circle_end() -> None:
    code = "package a\n\ntype A struct{ B }\ntype B struct{ *A; n int }\ntype C C\nfunc f(a A, c C) {\n\ta.$0\n}"
    assert list_members(f"#- a.go\n{code}\n") == ["B", "A", "n"]
