"""Meanings of names: imports, scopes, packages, re-exports, stubs, and the limits of following them."""

from __future__ import annotations

import time

from indexing.resolution.files import TableCache
from tests.indexing.resolution.workspaces import TextFiles, find, open_names
from tests.marked import parse

PACKAGE = """
    #- shop/__init__.py
    from .orders import Order
    from .prices import *
    #- shop/orders.py
    from . import prices
    from .prices import compute_total as total

    class Order:
        def pay(self):
            return prices.compute_total(self)
    #- shop/prices.py
    __all__ = ["compute_total"]

    def compute_total(order): ...

    def round_up(value): ...
    #- shop/tools/__init__.py
    #- shop/tools/clock.py
    def tick(): ...
"""


def test_an_imported_function_is_found_in_its_module() -> None:
    assert find(PACKAGE + "    #- main.py\n    from shop.prices import round_up\n    round_up$0(1)\n") == [
        "shop/prices.py:5 round_up"
    ]


def test_a_name_is_followed_through_the_package_that_exports_it_again() -> None:
    assert find(PACKAGE + "    #- main.py\n    import shop\n    shop.Order$0()\n") == ["shop/orders.py:4 Order"]


def test_a_star_import_binds_the_names_in_all_and_no_others() -> None:
    assert find(PACKAGE + "    #- main.py\n    from shop import *\n    compute_total$0(1)\n") == [
        "shop/prices.py:3 compute_total"
    ]
    assert find(PACKAGE + "    #- main.py\n    from shop.prices import *\n    round_up$0(1)\n") == []


def test_a_star_import_of_a_module_without_all_binds_its_public_names() -> None:
    files = "#- a.py\ndef shown(): ...\ndef _hidden(): ...\n#- main.py\nfrom a import *\n"
    assert find(files + "shown$0()\n") == ["a.py:1 shown"]
    assert find(files + "_hidden$0()\n") == []


def test_a_relative_import_with_an_alias_is_found() -> None:
    changed = PACKAGE.replace("return prices.", "total$0(1)\n            return prices.")
    assert find(changed) == ["shop/prices.py:3 compute_total"]


def test_a_function_of_an_imported_sibling_module_is_found() -> None:
    assert find(PACKAGE.replace("prices.compute_total(self)", "prices.compute_total$0(self)")) == [
        "shop/prices.py:3 compute_total"
    ]


def test_a_submodule_is_found_by_its_dotted_name() -> None:
    assert find(PACKAGE + "    #- main.py\n    import shop.tools.clock\n    shop.tools.clock.tick$0()\n") == [
        "shop/tools/clock.py:1 tick"
    ]
    assert find(PACKAGE + "    #- main.py\n    from shop.tools import clock as c\n    c.tick$0()\n") == [
        "shop/tools/clock.py:1 tick"
    ]


def test_a_source_folder_above_the_package_makes_no_difference() -> None:
    assert find(
        "#- src/pkg/__init__.py\n#- src/pkg/a.py\ndef f(): ...\n#- tests/t.py\nfrom pkg.a import f\nf$0()\n"
    ) == ["src/pkg/a.py:1 f"]


def test_a_module_inside_a_package_is_not_the_one_of_the_standard_library() -> None:
    assert (
        find("#- pkg/__init__.py\n#- pkg/json.py\ndef dumps(): ...\n#- pkg/a.py\nimport json\njson.dumps$0()\n") == []
    )


def test_packages_that_import_each_other_end_the_search() -> None:
    assert find("#- a.py\nfrom b import f\n#- b.py\nfrom a import f\n#- main.py\nfrom a import f\nf$0()\n") == []


def test_only_a_stub_is_enough() -> None:
    assert find(
        "#- fast.pyi\ndef sum_up(values: list[int]) -> int: ...\n#- main.py\nfrom fast import sum_up\nsum_up$0()\n"
    ) == ["fast.pyi:1 sum_up"]


def test_a_local_name_hides_an_imported_one() -> None:
    files = "#- a.py\ndef f(): ...\n#- main.py\nfrom a import f\n"
    assert find(files + "def g(f):\n    f$0()\n") == ["main.py:2 g.f"]
    assert find(files + "def g():\n    return f$0()\n") == ["a.py:1 f"]


def test_names_of_a_class_are_not_those_of_its_methods() -> None:
    assert find("def f(): ...\nclass A:\n    def f(self):\n        return f$0()\n") == ["main.py:1 f"]


def test_places_after_the_edited_line_are_those_of_the_real_text() -> None:
    found = open_names("def a():\n    later$0(1, 2, 3)\n\ndef later(): ...\n").find_definitions()
    text = parse("def a():\n    later$0(1, 2, 3)\n\ndef later(): ...\n").text
    assert [text[each.span.start : each.span.end] for each in found] == ["def later(): ..."]


def test_letters_beyond_ascii_move_no_place() -> None:
    marked = "#- a.py\nGRUSS = 'Grüße €'\n\ndef größe(): ...\n#- main.py\nfrom a import größe\ngröße$0()\n"
    found = open_names(marked).find_definitions()[0]
    assert parse(marked).files["a.py"][found.span.start : found.span.end] == "def größe(): ..."


def test_a_half_typed_line_leaves_the_other_names_known() -> None:
    assert find("from a import f\ndef g(x):\n    if f$0(x[\n    return x\n#- a.py\ndef f(): ...\n") == ["a.py:1 f"]


def test_a_language_without_resolution_has_no_answers() -> None:
    names = open_names("#- a.sql\nselect f$0(1)\n")
    assert (names.find_definitions(), names.find_receiver(), names.find_call()) == ((), None, None)


def test_after_the_deadline_no_file_is_parsed_and_cached_tables_are_used() -> None:
    fixture = "#- a.py\ndef f(): ...\n#- main.py\nfrom a import f\nf$0()\n"
    tables = TableCache()
    assert not open_names(fixture, deadline=time.monotonic() - 1, tables=tables).available
    open_names(fixture, tables=tables)
    late = open_names(fixture, deadline=time.monotonic() - 1, tables=tables)
    assert late.find_definitions() == ()
    assert late.lookup.was_cut
    open_names(fixture, tables=tables).find_definitions()
    assert [each.name for each in open_names(fixture, deadline=0.0, tables=tables).find_definitions()] == ["f"]


def test_typing_in_a_line_parses_nothing_again() -> None:
    tables = TableCache()
    open_names("import os\ndef f():\n    a$0\n", tables=tables)
    assert tables.count == 1
    open_names("import os\ndef f():\n    abc.d$0\n", tables=tables)
    assert tables.count == 1


def test_only_files_on_the_way_to_the_name_are_read() -> None:
    marked = parse(
        "#- a.py\ndef f(): ...\n#- b.py\ndef g(): ...\n#- main.py\nfrom a import f\nfrom b import g\nf$0()\n"
    )
    files = TextFiles(marked.files)
    fixture = "".join(
        f"#- {path}\n{text.replace('f()', 'f$0()') if path == 'main.py' else text}"
        for path, text in marked.files.items()
    )
    open_names(fixture, files=files).find_definitions()
    assert files.read_paths == ["a.py"]


def test_tables_beyond_the_bound_are_evicted() -> None:
    tables = TableCache(characters=30)
    tables.read("python", "def first(): ...\n")
    tables.read("python", "def second(): ...\n")
    assert tables.find("python", "def first(): ...\n") is None
    assert tables.find("python", "def second(): ...\n") is not None
