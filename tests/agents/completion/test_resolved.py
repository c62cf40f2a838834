from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.resolved import resolver
from agents.suggestions import Origin, Trigger
from indexing.resolution.files import TableCache
from indexing.resolution.names import DocumentNames
from tests.agents.completion.editor import LONG_S, Editor
from tests.agents.doubles import MemoryIndex, make_recalled, parse_cursor
from tests.indexing.resolution.workspaces import TextFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.index import Index
    from indexing.syntax.documents import Document

PATIENT = CompletionPolicy(resolve_ms=1000 * LONG_S, resolve_asking_ms=1000 * LONG_S)
BOX = """\
class Box:
    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._cache = None

    def grow(self, amount: int) -> None: ...

    def clear(self) -> None: ...

"""
DRAW = "def draw(width: int, height: int, *, color: str, fill: bool = False) -> None: ...\n\n"


def list_asked(editor: Editor, fixture: str, limit: int = 6) -> list[str]:
    """Return the texts that a person gets who asks at the cursor of `fixture`."""
    return [one.text for one in editor.ask(fixture, trigger=Trigger.INVOKED, limit=limit).suggestions]


@pytest.fixture
def editor(open_editor: Callable[..., Editor]) -> Editor:
    return open_editor(policy=PATIENT)


def test_after_a_dot_the_members_of_the_class_are_offered_those_used_before_first(editor: Editor) -> None:
    used = f"{BOX}def run(box: Box) -> None:\n    print(box.height, box.height, box.width)\n    x = box.$0\n"
    assert list_asked(editor, used)[0] == "height"
    other = used.replace("print(box.height, box.height, box.width)", "print(box.width, box.width, box.height)")
    assert list_asked(editor, other)[0] == "width"


def test_a_method_is_offered_with_the_arguments_that_are_in_scope(editor: Editor) -> None:
    assert list_asked(editor, f"{BOX}def run(box: Box, amount: int) -> None:\n    box.gr$0\n") == ["ow(amount)"]
    assert list_asked(editor, f"{BOX}def run(box: Box) -> None:\n    box.cl$0\n") == ["ear()"]


def test_a_member_that_cannot_follow_a_dot_is_not_offered(open_editor: Callable[..., Editor]) -> None:
    files = {"shapes.ts": 'export interface Shape { "~id": number; "a-b": number; 7: number; $side: number; }\n'}
    editor = open_editor(index=MemoryIndex(files=files), policy=PATIENT)
    fixture = 'import { Shape } from "./shapes";\nfunction f(it: Shape) {\n  let x = it.$0\n}\n'
    found = editor.ask(fixture, trigger=Trigger.INVOKED, limit=6, language="typescript").suggestions
    assert [one.text.rstrip(";") for one in found] == ["$side"]


def test_private_members_are_offered_only_inside_the_class(editor: Editor) -> None:
    assert "_cache" not in list_asked(editor, f"{BOX}def run(box: Box) -> None:\n    x = box.$0\n")
    inside = f"{BOX}    def read(self) -> object:\n        return self._c$0\n"
    assert list_asked(editor, inside) == ["ache"]


def test_the_line_gets_the_brackets_and_the_colon_that_it_needs(editor: Editor) -> None:
    assert list_asked(editor, f"{BOX}def run(box: Box) -> None:\n    if abs(box.wi$0\n") == ["dth):"]


def test_only_a_line_of_python_gets_a_colon(editor: Editor) -> None:
    box = "class Box {\n  width = 1;\n  #hidden = 2;\n  run() {\n    if (this.$0\n  }\n}\n"
    found = editor.ask(box, trigger=Trigger.INVOKED, language="typescript", limit=6).suggestions
    assert "width)" in [one.text for one in found]
    assert not [one.text for one in found if one.text.endswith(":")]


def test_members_come_from_another_file(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(index=MemoryIndex(files={"boxes.py": BOX}), policy=PATIENT)
    assert list_asked(editor, "from boxes import Box\n\nbox = Box(1, 2)\nx = box.he$0\n") == ["ight"]


def test_the_missing_arguments_of_a_call_are_offered_in_the_order_of_the_signature(editor: Editor) -> None:
    inside = f"{DRAW}def run(height: int, width: int, color: str) -> None:\n    draw($0\n"
    assert list_asked(editor, inside)[0] == "width, height, color=color)"
    begun = f"{DRAW}def run(height: int, width: int, color: str) -> None:\n    draw(width, height, $0\n"
    assert list_asked(editor, begun)[0] == "color=color)"


def test_while_typing_sure_arguments_are_shown_and_unsure_members_are_not(editor: Editor) -> None:
    call = f"{DRAW}def run(height: int, width: int, color: str) -> None:\n    draw($0\n"
    assert [one.text for one in editor.ask(call).suggestions] == ["width, height, color=color)"]
    assert editor.ask(f"{BOX}def run(box: Box) -> None:\n    x = box.$0\n").suggestions == ()


def test_arguments_of_a_language_without_keywords_are_never_named(editor: Editor) -> None:
    head = "function draw(width: number, color: string) {}\n"
    code = f"{head}function run(width: number, color: string) {{\n  draw($0\n}}\n"
    answer = editor.ask(code, language="typescript", trigger=Trigger.INVOKED, limit=6)
    found = [one.text for one in answer.suggestions]
    assert found
    assert found[0].startswith("width, color)")
    assert not [text for text in found if "=" in text]


def test_a_keyword_argument_without_a_value_in_scope_is_offered_by_its_name(editor: Editor) -> None:
    assert "color=" in list_asked(editor, f"{DRAW}def run(width: int) -> None:\n    draw(width, 2, $0\n")


def test_a_value_fits_by_name_by_attribute_or_by_type(editor: Editor) -> None:
    body = "class Run:\n    def __init__(self, color: str) -> None:\n        self.color = color\n\n"
    assert list_asked(editor, f"{DRAW}{body}    def go(self) -> None:\n        draw(1, 2, color=$0\n") == [
        "self.color)"
    ]
    typed = "def use(box: Box) -> None: ...\n\ndef run(parcel: Box, count: int) -> None:\n    use($0\n"
    assert list_asked(editor, f"{BOX}{typed}")[0] == "parcel)"


@pytest.mark.parametrize(
    "line",
    ["# box.$0", "x = 'box.$0'", "import box.$0", "from box.$0", "def draw($0", "unknown.$0", "unknown($0", "3.$0"],
)
def test_nothing_is_offered_where_no_member_or_argument_can_be(editor: Editor, line: str) -> None:
    assert list_asked(editor, f"{BOX}{DRAW}box = Box(1, 2)\n{line}\n") == []


def test_nothing_is_offered_in_a_language_without_resolution(open_editor: Callable[..., Editor]) -> None:
    asked = open_editor(policy=PATIENT).ask("obj.$0\n", trigger=Trigger.INVOKED, language="lua")
    assert asked.suggestions == ()


def test_a_surer_recalled_line_comes_first(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("width * 2", confidence=0.95),))
    editor = open_editor(index=index, policy=PATIENT)
    asked = editor.ask(f"{BOX}box = Box(1, 2)\nx = box.$0\n", trigger=Trigger.INVOKED, limit=3).suggestions
    assert (asked[0].text, asked[0].origin) == ("width * 2", Origin.RECALL)
    assert Origin.RESOLVED in {one.origin for one in asked[1:]}


def test_a_recalled_member_that_the_class_does_not_have_is_not_shown(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("colour", confidence=0.9),))
    editor = open_editor(index=index, policy=PATIENT)
    known = editor.ask(f"{BOX}box = Box(1, 2)\nx = box.$0\n").suggestions
    assert "colour" not in [one.text for one in known]
    unsure = editor.ask(f"{BOX.replace('Box:', 'Box(Unknown):')}box = Box(1, 2)\nx = box.$0\n").suggestions
    assert [one.text for one in unsure] == ["colour"]


def test_a_recalled_line_that_assigns_a_new_attribute_is_shown(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("colour = 1", confidence=0.9),))
    editor = open_editor(index=index, policy=PATIENT)
    assert editor.complete(f"{BOX}box = Box(1, 2)\nbox.$0\n").endswith("box.colour = 1\n")


class SlowIndex(MemoryIndex):
    """An index whose names do not come until `released` is set."""

    released = threading.Event()

    def open_names(
        self, document: Document, offset: int, *, deadline: float | None = None, libraries: bool = False
    ) -> DocumentNames | None:
        self.released.wait(LONG_S)
        return super().open_names(document, offset, deadline=deadline, libraries=libraries)


def test_a_key_does_not_wait_for_slow_resolution(open_editor: Callable[..., Editor]) -> None:
    index = SlowIndex(recalled=(make_recalled("width", confidence=0.9),))
    editor = open_editor(index=index, policy=CompletionPolicy(resolve_ms=1.0, resolve_asking_ms=1.0))
    fixture = f"{BOX}box = Box(1, 2)\nx = box.$0\n"
    try:
        assert [one.origin for one in editor.ask(fixture, trigger=Trigger.INVOKED, limit=4).suggestions] == [
            Origin.RECALL
        ]
        assert list_asked(editor, fixture) == ["width"]  # the next key does not wait for it either
    finally:
        index.released.set()


class CachingIndex(MemoryIndex):
    """An index that keeps tables between two questions."""

    tables = TableCache()

    def open_names(
        self, document: Document, offset: int, *, deadline: float | None = None, libraries: bool = False
    ) -> DocumentNames | None:
        assert libraries
        return DocumentNames(
            document.text, offset, language="python", root="", relative="main.py", key=None,
            files=TextFiles(self.files), tables=self.tables, deadline=deadline,
        )  # fmt: skip


@pytest.mark.parametrize(("typed", "limit_ms"), [("made = make($0\n", 1000 * LONG_S), ("make().$0\n", 0.0)])
def test_what_the_next_keys_need_is_read_ahead(typed: str, limit_ms: float) -> None:
    files = {"factory.py": "from shapes import A\ndef make() -> A: ...\n", "shapes.py": "class A: ...\n"}
    index = CachingIndex(files=files)
    index.tables = TableCache()
    resolving = resolver.Resolver(cast("Index", index))
    waited = time.monotonic() + LONG_S
    try:
        while any(index.tables.find("python", text) is None for text in files.values()):
            assert time.monotonic() < waited
            resolving.resolve(parse_cursor(f"from factory import make\n{typed}"), limit_ms)
            time.sleep(0.01)
    finally:
        resolving.close()


def test_resolution_that_fails_leaves_recall_working(open_editor: Callable[..., Editor]) -> None:
    class BrokenIndex(MemoryIndex):
        def open_names(self, *_: object, **__: object) -> DocumentNames | None:
            raise ValueError("broken")

    editor = open_editor(index=BrokenIndex(recalled=(make_recalled("width", confidence=0.9),)), policy=PATIENT)
    assert list_asked(editor, f"{BOX}box = Box(1, 2)\nx = box.$0\n") == ["width"]


@pytest.mark.parametrize("before", ["x" * 100_000 + ".", "f(" + " " * 100_000, "x" + " " * 100_000])
def test_in_a_very_long_line_nothing_is_resolved(before: str) -> None:
    started = time.thread_time()
    assert not resolver.wants(parse_cursor(f"{before}$0\n"))
    assert time.thread_time() - started < LONG_S


JAVA = """\
public class Box {
    private int cache;
    public int width;
    public static Box of(int size) { return null; }
    public Box grow(int amount) { return this; }
    public void clear() {}
    void use(Box box, int amount) {
        BODY
        return;
    }
}
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("box.cl$0", ["ear();"]),
        ("box.gr$0", ["ow(amount);"]),
        ("Box other = box.gr$0", ["ow(amount);"]),
        ("box.grow(amount).cl$0", ["ear();"]),
        ("if (box.gr$0", ["ow(amount))"]),
        ("if (box.gr$0\n            clear();\n        }", ["ow(amount)) {"]),
        ("while (true && box.gr$0\n            clear();\n\n            clear();\n        }", ["ow(amount)) {"]),
        ("if (box.gr$0\n            clear();", ["ow(amount))"]),
        ("box.wi$0", ["dth"]),  # no statement yet
        ("int size = box.wi$0", ["dth;"]),
        ("return box.gr$0", ["ow(amount);"]),
        ("return use(box, $0", ["amount);"]),
        ("}\n    public void use($0", []),
        ("}\n    Box use($0", []),
        ("}\n    List<Box> use($0", []),
        ("}\n    static Box[] use(Box box, $0", []),
        ("use(box.gr$0", ["ow(amount));"]),
        ("box.gr$0);", ["ow(amount)"]),
        ("box.gr$0;", ["ow(amount)"]),
        ("Box.o$0", ["f("]),
        ("box.o$0", []),
        ("Box.gr$0", []),
        ("box.grow($0", ["amount);"]),
        ("use(box, $0", ["amount);"]),
        ("use(\n            box.gr$0\n        );", ["ow(amount)"]),
        ("Box[] all = {\n            box.gr$0\n        };", ["ow(amount)"]),
        ("Box[] all = {box,\n            box.gr$0\n        };", ["ow(amount)"]),
        ("box.gr$0\n            .clear();", ["ow(amount)"]),
        ("box.gr$0\n        // then", ["ow(amount);"]),
        ("if (true)\n            box.gr$0", ["ow(amount);"]),
        ("Runnable run = () -> box.gr$0", ["ow(amount);"]),
    ],
)
def test_a_statement_of_java_is_complete(editor: Editor, body: str, expected: list[str]) -> None:
    code = JAVA.replace("BODY", body)
    answer = editor.ask(code, language="java", trigger=Trigger.INVOKED, limit=6)
    assert [one.text for one in answer.suggestions] == expected


GO_BOX = """\
package a

type Box struct {
\tWidth int
}

func (b *Box) Grow(amount int, name string) error { return nil }
func NewBox(width int, height int) *Box { return nil }

func run(box *Box, amount int, name string, width int, height int) {
"""
RUST_BOX = """\
pub struct Pot { pub width: u32 }
impl Pot {
    pub fn new(width: u32, height: u32) -> Self { todo!() }
    pub fn grow(&mut self, amount: u32, name: &str) -> u32 { 1 }
}
pub enum Kind { Small, Big(u32) }
fn run(pot: &mut Pot, amount: u32, name: &str, width: u32, height: u32) {
"""


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        ("\tbox.Gr$0\n}", ["ow(amount, name)"]),
        ("\tx := NewBox($0\n}", ["width, height)"]),
        ("\tbox.Grow(\n\t\tam$0\n\t)\n}", ["ount, name"]),
        ("\tif box.Wi$0\n}", ["dth"]),
        ("\tx := Box{Width: $0}\n}", []),
        ("}\nfunc (b *Box) Area() int { return b.Wi$0 }", ["dth}"]),
        ("}\nfunc (b *Box) Grow($0", []),
    ],
)
def test_suggestions_in_go_are_valid_code(editor: Editor, lines: str, texts: list[str]) -> None:
    found = editor.ask(f"{GO_BOX}{lines}\n", trigger=Trigger.INVOKED, language="go", limit=6).suggestions
    assert [one.text for one in found] == texts


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        ("    pot.gr$0\n    pot.width;\n}", ["ow(amount, name);"]),
        ("    pot.gr$0\n}", ["ow(amount, name)"]),
        ("    let x = pot.wi$0\n}", ["dth;"]),
        ("    let x = Pot::$0\n}", ["new(width, height);"]),
        ("    let x = Kind::$0\n}", ["Small;"]),
        ("    if pot.wi$0\n}", ["dth"]),
        ("    match x {\n        1 => pot.wi$0\n    }\n}", ["dth"]),
        ("    let x = Pot {\n        width: pot.wi$0\n    };\n}", ["dth"]),
        ("    pot.grow(\n        am$0\n    );\n}", ["ount, name"]),
        ("}\nfn grow(am$0", []),
        ("}\npub(crate) async fn grow(am$0", []),
    ],
)
def test_suggestions_in_rust_are_valid_code(editor: Editor, lines: str, texts: list[str]) -> None:
    found = editor.ask(f"{RUST_BOX}{lines}\n", trigger=Trigger.INVOKED, language="rust", limit=6).suggestions
    assert [one.text for one in found] == texts
