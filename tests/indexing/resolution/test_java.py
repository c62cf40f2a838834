"""Resolution in Java: packages below source roots, imports, classes and their members, and types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indexing.resolution.files import read_table
from indexing.syntax.documents import Document
from tests.indexing.resolution.workspaces import find, list_members, open_names
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexing.index import Index

SHOP = """
#- src/main/java/com/shop/Base.java
package com.shop;

public abstract class Base implements Named {
    protected int id;
    private String secret;
    static int count;
    public Base save() { return this; }
    protected void reset() {}
    void inside() {}
    public static Base of(String name) { return null; }
    public static class Part { public Item item() { return null; } public Part more() { return this; } }
}
#- src/main/java/com/shop/Named.java
package com.shop;

public interface Named {
    String KEY = "k";
    String name();
    default Item first() { return null; }
}
#- src/main/java/com/shop/Cart.java
package com.shop;

import java.util.List;
import java.util.Map;
import com.shop.money.*;

public class Cart extends Base {
    public List<Item> items;
    public final Map<String, Item> byName = null;
    public Cart(Item first, int size) {}
    public Cart(Item first) {}
    public Item get(int at) { return items.get(at); }
    public Money get(int at, int other) { return null; }
    public Cart get(int at, int other, Item... rest) { return null; }
    public Money total() { return null; }
    public <T extends Item> T choose(T one) { return one; }
    @Override public Cart save() { return this; }
}
class Hidden { public Item inner() { return null; } }
#- src/main/java/com/shop/Item.java
package com.shop;

import com.shop.money.Money;

public record Item(Money price, Kind kind, String... tags) {
    public Item with(Money price) { return null; }
}
#- src/main/java/com/shop/Kind.java
package com.shop;

public enum Kind {
    SMALL(1), LARGE(2) { @Override public Kind next() { return null; } };
    Kind(int size) {}
    public Kind next() { return null; }
}
#- src/main/java/com/shop/Box.java
package com.shop;

public class Box<T, U extends Item> {
    public T value;
    public T get() { return null; }
    public U bound() { return null; }
    public java.util.List<T> all() { return null; }
}
#- src/main/java/com/shop/Items.java
package com.shop;

public class Items extends java.util.ArrayList<Item> {
    public Item own() { return get(0); }
}
#- src/main/java/com/shop/ItemBox.java
package com.shop;

public class ItemBox<A> extends Box<Item, Item> {
    public A other() { return null; }
}
#- src/main/java/com/shop/Sub.java
package com.shop;

public class Sub extends ItemBox<Kind> {}
#- src/main/java/com/shop/money/Money.java
package com.shop.money;

public class Money {
    public static final Money ZERO = new Money();
    private Money() {}
    public Money plus(Money other) { return null; }
    public static class Builder {
        public Builder of(String currency) { return this; }
        public Money build() { return null; }
    }
    public static Builder builder() { return new Builder(); }
    public enum Unit { CENT }
}
"""
APP = "src/test/java/com/app/App.java"
HEAD = "import com.shop.*;\nimport com.shop.money.Money;\nimport java.util.*;\n"
CART = ["items", "byName", "get", "total", "choose", "save", "name", "first"]
ITEM = ["price", "kind", "tags", "with"]
MONEY = ["plus"]
KIND = ["next"]


def list_in(body: str, *, path: str = APP, head: str = HEAD, around: str = "class App") -> list[str]:
    """Return the members of the receiver at the cursor of the method body `body`."""
    package = path.rpartition("/")[0].partition("/java/")[2].replace("/", ".")
    method = f"{around} {{\n    Cart field;\n    void run(Cart cart) {{\n        {body}\n    }}\n}}\n"
    return list_members(f"{SHOP}#- {path}\npackage {package};\n\n{head}\n{method}")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("cart.$0", CART),
        ("cart.to$0", CART),
        ("field.$0", CART),
        ("this.field.$0", CART),
        ("cart.get(1).$0", ITEM),
        ("cart.get(1, 2).$0", [*CART, *MONEY]),
        ("cart.get(1, 2, null, null).$0", CART),
        ("cart.get().$0", [*CART, *ITEM, *MONEY]),
        ("cart.total().plus(null).$0", MONEY),
        ("cart.items.get(0).$0", ITEM),
        ('cart.byName.get("a").$0', ITEM),
        ("cart.first().$0", ITEM),
        ("new Cart(null).$0", CART),
        ("new Cart(null)\n            .get(1)\n            .$0", ITEM),
        ("Cart other = null;\n        other.$0", CART),
        ("var other = new Cart(null);\n        other.$0", CART),
        ("var other = cart.get(1);\n        other.$0", ITEM),
        ("for (Item item : cart.items) {\n            item.$0\n        }", ITEM),
        ("for (var item : cart.items) {\n            item.$0\n        }", ITEM),
        ("for (Item item : cart.items) {\n        }\n        item.$0", []),
        ("cart.items.forEach(item -> item.$0);", ITEM),
        ("cart.items.stream().filter(item -> item.with(null).$0)", ITEM),
        ("cart.byName.forEach((name, item) -> item.$0", ITEM),
        ("cart.items.forEach(item -> { item.$0 });", ITEM),
        ("cart.items.forEach(item -> {\n            item.$0\n        });", ITEM),
        ("cart.items.stream().filter(one -> true).findFirst().get().$0", ITEM),
        ("try (Cart open = cart.save()) {\n            open.$0\n        }", CART),
        ("try {\n        } catch (Cart | Item error) {\n            error.$0\n        }", [*CART, *ITEM[:3], "with"]),
        ("Object o = cart;\n        if (o instanceof Item item) {\n            item.$0\n        }", ITEM),
        ("Object o = cart;\n        ((Item) o).$0", ITEM),
        ("Object o = cart;\n        var item = (Item) o;\n        item.$0", ITEM),
        ("Cart[] carts = null;\n        carts[0].$0", CART),
        ("var carts = new Cart[3];\n        carts[0].$0", CART),
        ("Kind.$0", ["values", "valueOf", "SMALL", "LARGE"]),
        ("Kind.SMALL.$0", KIND),
        ("Kind.valueOf(null).$0", KIND),
        ("Money.$0", ["ZERO", "Builder", "builder", "Unit"]),
        ("Money.ZERO.$0", MONEY),
        ('Money.builder().of("EUR").build().$0', MONEY),
        ("new Money.Builder().$0", ["of", "build"]),
        ("Money.Unit.CENT.$0", []),
        ("Base.$0", ["of", "Part", "KEY"]),
        ("Base.Part part = null;\n        part.item().$0", ITEM),
        ("Box<Item, Item> box = null;\n        box.get().$0", ITEM),
        ("Box<Item, Item> box = null;\n        box.value.$0", ITEM),
        ("Box<Item, Item> box = null;\n        box.bound().$0", ITEM),
        ("Box<Item, Item> box = null;\n        box.all().get(0).$0", ITEM),
        ("new Box<Item, Item>().get().$0", ITEM),
        ("var box = new Box<Item, Item>();\n        box.get().$0", ITEM),
        ("Item item = true ? cart.get(1) : null;\n        item.$0", ITEM),
        ("cart.choose(null).$0", ITEM),
        ("List<? extends Item> all = null;\n        all.get(0).$0", ITEM),
        ("Cart.of(null).$0", ["save", "name", "first"]),
        ("new Items().get(0).$0", ITEM),
        ("for (var item : new Items()) {\n            item.$0\n        }", ITEM),
        ("new Items().own().$0", ITEM),
        ("new ItemBox<Kind>().get().$0", ITEM),
        ("new ItemBox<Kind>().other().$0", KIND),
        ("new Sub().get().$0", ITEM),
        ("unknown.$0", []),
        ("cart.unknown().$0", []),
        ('String text = "cart.";\n        text.$0', []),
    ],
)
def test_a_receiver_has_the_members_of_its_type(body: str, expected: list[str]) -> None:
    assert sorted(list_in(body)) == sorted(expected)


def test_a_class_sees_what_it_inherits_and_what_is_around_it() -> None:
    around = "class App extends Base"
    own = list_in("this.$0", around=around)
    assert set(own) == {"field", "run", "id", "save", "reset", "name", "first"}
    assert set(list_in("super.$0", around=around)) == {"id", "save", "reset", "name", "first"}
    assert list_in("first().$0", around=around) == ITEM
    assert list_in("new Part().item().$0", around=around) == ITEM
    assert list_in("other().$0", around="class App extends ItemBox<Kind>") == KIND
    assert list_in("get().$0", around="class App extends Sub") == ITEM
    inner = "class App extends Base {\n  class Inner"
    assert list_in("first().$0\n  }", around=inner) == ITEM
    assert (
        list_in("Runnable r = new Runnable() { public void run() {\n            first().$0\n }};", around=around)
        == ITEM
    )


def test_members_are_offered_only_where_they_can_be_used() -> None:
    near = list_in("cart.$0", path="src/test/java/com/shop/CartTest.java")
    assert set(near) == {*CART, "id", "reset", "inside"}
    assert "secret" not in near
    inside = list_members(
        f"{SHOP}#- a/com/shop/Own.java\npackage com.shop;\nclass Own {{ private int a; int b() {{\nthis.$0\n}} }}\n"
    )
    assert inside == ["a", "b"]


def test_imports_are_followed() -> None:
    def where(line: str, head: str) -> list[str]:
        return find(f"{SHOP}#- {APP}\npackage com.app;\n{head}\nclass App {{ void run() {{\n{line}\n}} }}\n")

    money = "src/main/java/com/shop/money/Money.java"
    assert where("Mon$0ey m;", "import com.shop.money.Money;") == [f"{money}:3 Money"]
    assert where("Mon$0ey m;", "import com.shop.money.*;") == [f"{money}:3 Money"]
    assert where("Mon$0ey m;", "") == []
    assert where("Build$0er b;", "import com.shop.money.Money.Builder;") == [f"{money}:7 Money.Builder"]
    assert where("ZE$0RO.plus(ZERO);", "import static com.shop.money.Money.ZERO;") == [f"{money}:4 Money.ZERO"]
    assert where("buil$0der();", "import static com.shop.money.Money.*;") == [f"{money}:11 Money.builder"]
    assert where("CE$0NT.name();", "import static com.shop.money.Money.Unit.CENT;") == [f"{money}:12 Money.Unit.CENT"]


def test_names_of_the_package_need_no_import() -> None:
    head = f"{SHOP}#- src/test/java/com/shop/CartTest.java\npackage com.shop;\nclass CartTest {{ void run() {{\n"
    assert find(f"{head}Ca$0rt c;\n}} }}\n") == ["src/main/java/com/shop/Cart.java:7 Cart"]
    assert find(f"{head}Hid$0den h;\n}} }}\n") == []  # another folder: only classes with a file of their own
    near = f"{SHOP}#- src/main/java/com/shop/Other.java\npackage com.shop;\nclass Other {{ void run() {{\n"
    assert find(f"{near}Hid$0den h;\n}} }}\n") == ["src/main/java/com/shop/Cart.java:19 Hidden"]
    assert find(f"{near}Str$0ing h;\n}} }}\n") == []


def test_an_import_that_is_in_no_file_hides_a_class_of_the_package() -> None:
    head = f"{SHOP}#- src/main/java/com/shop/Other.java\npackage com.shop;\nimport other.Cart;\n"
    assert find(f"{head}class Other {{ void run() {{\nCa$0rt c;\n}} }}\n") == []


def test_overloads_are_all_found_and_the_call_gets_one_that_fits() -> None:
    code = "class A {\n void f(int one) {}\n void f(int one, Item two) {}\n void run() {\nf(1, $0\n }\n}\n"
    names = open_names(f"{SHOP}#- src/main/java/com/shop/A.java\npackage com.shop;\n{code}")
    call = names.find_call()
    assert call is not None
    assert [each.qualified for each in call.callees] == ["A.f", "A.f"]
    assert [each.name for each in call.parameters] == ["two"]


def test_a_constructor_gives_the_parameters_of_new() -> None:
    def list_missing(written: str) -> list[str]:
        head = f"{SHOP}#- {APP}\npackage com.app;\n{HEAD}\nclass App {{ void run() {{\n{written}\n}} }}\n"
        call = open_names(head).find_call()
        return [each.name for each in call.parameters] if call is not None else ["no call"]

    assert list_missing("new Item($0") == ["price", "kind", "tags"]
    assert list_missing("new Cart(null, $0") == ["size"]
    assert list_missing("new Cart($0") == ["first", "size"]
    assert list_missing("new Money.Builder($0") == []
    assert list_missing("new Box<Item, Item>($0") == []
    own = "class App extends Cart { App(int one, Item two) {}\n App() {\nLINE\n} }"
    own = f"{SHOP}#- {APP}\npackage com.app;\n{HEAD}\n{own}"
    for line, missing in (("super($0", ["first", "size"]), ("this($0", ["one", "two"]), ("this(1, $0", ["two"])):
        call = open_names(own.replace("LINE", line)).find_call()
        assert call is not None
        assert [each.name for each in call.parameters] == missing


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_beginning_of_a_file_is_read(newline: str) -> None:
    text = SHOP.partition("Cart.java\n")[2].replace("#- ", "// ").replace("\n", newline)
    for end in range(0, len(text), 3):
        table = read_table("java", text[:end])
        assert all(0 <= each.span.start <= each.span.end <= end for each in table.definitions)
    for end in range(0, len(text), 41):
        marked = text[:end].replace("$0", "") + "$0" + text[end:]
        names = open_names(f"#- a/B.java\n{marked}")
        names.find_receiver()
        names.find_call()
        names.find_definitions()


@pytest.mark.parametrize(
    "text",
    [
        "class A { " * 3_000,
        "class A { int x = " + "f(" * 900 + ")" * 900 + "; }",
        "class A { Object x = a" + ".b()" * 20_000 + "; }",
        "class A { int x = 1" + " + 1" * 30_000 + "; }",
        "class A { F x = " + "a -> " * 5_000 + "a; }",
        "class A extends " + "B<" * 900 + "C" + ">" * 900 + " {}",
        "class A<T extends A<T>> extends A<A<T>> { T x; }",
        "class A { void f(" + "int a, " * 5_000 + "int b) {} }",
        "enum E { " + "A, " * 5_000 + "}",
        "import a.*;\n" * 5_000,
        "package a.b\nclass {{{ (((\n\x00\ufeff\u2028 interface record",
        'class A { String s = """' + '\\"' * 20_000,
        "class A { ; ; = () -> @ @interface }" * 200,
        "\ufeffpackage a;\npublic class Ü { Ü ü() { return this; } }",
    ],
)
def test_odd_files_are_read(text: str) -> None:
    read_table("java", text)
    read_table("java", text.replace("\n", "\r"))


def test_classes_that_extend_each_other_end() -> None:
    code = "class A extends B { }\nclass B extends A { void run(A a) {\na.$0\n} }\n"
    assert list_members(f"#- a/B.java\n{code}") == []
    code = "class A extends A.B { static class B extends A { void run() {\nthis.$0\n} } }\n"
    assert "run" in list_members(f"#- a/B.java\n{code}")


def test_search_and_prompts_find_definitions_by_meaning(make_index: Callable[..., Index], tmp_path: Path) -> None:
    body = "class App {\n    void run(Cart cart) {\n        cart.total();\n        $0\n    }\n}\n"
    fixture = f"{SHOP}#- {APP}\npackage com.app;\n\nimport com.shop.*;\n\n{body}"
    marked = parse(fixture)
    index = make_index(marked.write(tmp_path))

    def search(written: str) -> list[str]:
        return [f"{hit.relative.rpartition('/')[2]}:{hit.first_line + 1}" for hit in index.find_qualified(written)]

    assert search("Cart.total") == ["Cart.java:15"]
    assert search("com.shop.Cart.total") == ["Cart.java:15"]
    assert search("Cart.first") == ["Named.java:6"]  # inherited
    assert search("Money.Builder.build") == ["Money.java:9"]
    assert search("Cart.missing") == []
    path = tmp_path / APP
    text = marked.text
    assert marked.cursor is not None
    document = Document(path.as_uri(), path, "java", text)
    found = [hit.name for hit in index.find_related_definitions(document, marked.cursor[1], limit=8)]
    assert any("total" in name for name in found)
