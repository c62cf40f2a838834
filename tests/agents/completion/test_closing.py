"""Brackets before the cursor are scanned from the last definition on, with its modifiers."""

from hypothesis import given
from hypothesis import strategies as st

from agents.completion.shaping import closing

LINES = (
    *(
        "",
        "    x = f(a)",
        "class A:",
        "    def f(self):",
        "export default",
        "  public static",
        "\tasync",
        "async def g():",
    ),
    *("static void", "pub fn h() {", "default function k() {", "# def is no definition", "interface", "x" * 300),
)
CODE = st.lists(st.sampled_from(LINES), max_size=20).map("\n".join)


@given(CODE, st.sampled_from(LINES))
def test_the_last_definition_is_found_from_its_first_modifier(above: str, line: str) -> None:
    text = above + "\n" + line
    starts = [found.start() for found in closing._DEFINITION.finditer(text)]
    assert closing.cut_to_definition(text) == (text[starts[-1] :] if starts else text)
