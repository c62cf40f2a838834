"""Recall: what is continued, from where, and how it is adapted to the place."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexing.recall import recall_confidence
from indexing.recall.pools import CursorText
from indexing.recall.recall import LIBRARY_COMPARED, find_candidates
from indexing.segments import Segment, View, build
from indexing.storage import blobs
from indexing.storage.anchors import Context
from indexing.storage.segment_files import OverlayFile, SegmentFile
from indexing.syntax import tokens
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

    from indexing.segments import RecallMatch

ROOT = "root"


def recall(fixture: str, folder: Path, *, opened: tuple[str, ...] = (), whole_block: bool = False) -> list[RecallMatch]:
    """Return the matches at the cursor; files in `opened` are overlays, the others are in a segment."""
    marked = parse(fixture)
    assert marked.cursor is not None
    path, at = marked.cursor
    keys = {name: (ROOT, number) for number, name in enumerate(marked.files)}
    packed = {name: blobs.pack(text, (), (), "python") for name, text in marked.files.items()}
    stored = [SegmentFile(keys[name][1], name, 0.0, packed[name]) for name in packed if name not in opened]
    build(folder / "root.segment", stored)
    overlays = {keys[name]: OverlayFile(name, 1.0, packed[name]) for name in opened}
    view = View([(ROOT, Segment.open(folder / "root.segment"))], overlays, ())
    return view.recall(
        marked.text[:at],
        marked.text[at:],
        own=keys[path],
        whole_block=whole_block,
        limit=5,
        deadline=None,
    )


def check_recall(fixture: str, expected: str, folder: Path, *, whole_block: bool = False) -> RecallMatch:
    """Check that the best match at the cursor has the text `expected`; return it."""
    matches = recall(fixture, folder, whole_block=whole_block)
    assert matches, "nothing recalled"
    assert matches[0].text == expected
    return matches[0]


OTHER = """
    #- other.py
    def load(path):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
"""


def test_the_rest_of_a_line_is_recalled_from_another_file(tmp_path: Path) -> None:
    match = check_recall(
        OTHER
        + """
    #- main.py
    def read(path):
        with open(path, $0
    """,
        'encoding="utf-8") as file:',
        tmp_path,
    )
    assert match.key == (ROOT, 0)
    assert match.matched_tokens >= 5
    assert match.votes == 1


def test_a_whole_line_is_recalled_at_a_line_start(tmp_path: Path) -> None:
    check_recall(
        OTHER
        + """
    #- main.py
    def load(path):
        with open(path, encoding="utf-8") as file:
            $0
    """,
        "return json.load(file)",
        tmp_path,
    )


def test_a_word_half_typed_must_be_continued(tmp_path: Path) -> None:
    fixture = """
        #- other.py
        config = settings.load_all(folder)
        config = settings.load_all(folder)
        value = settings.save_all(folder)
        #- main.py
        value = settings.sa$0
        """
    check_recall(fixture, "ve_all(folder)", tmp_path)
    assert recall(fixture.replace("sa$0", "zz$0"), tmp_path) == []


def test_a_renamed_identifier_is_renamed_in_the_continuation(tmp_path: Path) -> None:
    check_recall(
        """
        #- other.py
        for row in table.rows:
            if row.is_empty():
                continue
            total = total + row.value
        #- main.py
        for line in table.rows:
            if line.is_empty():
                continue
            total = total + $0
        """,
        "line.value",
        tmp_path,
    )


def test_keywords_are_never_renamed(tmp_path: Path) -> None:
    matches = recall(
        """
        #- other.py
        if ready(x): return finish(x, y)
        #- main.py
        while ready(x): $0
        """,
        tmp_path,
    )
    assert [match.matched_tokens for match in matches if match.text == "return finish(x, y)"] == [5]


def test_the_asking_file_itself_is_recalled_from_as_it_stands(tmp_path: Path) -> None:
    match = check_recall(
        """
        #- main.py
        log.info("started", extra=context)
        run()
        log.info("started", $0
        """,
        "extra=context)",
        tmp_path,
    )
    assert match.key is None


def test_the_place_itself_is_never_recalled(tmp_path: Path) -> None:
    stored = """
        #- main.py
        unique_call(alpha, beta, $0gamma)
        """
    assert [match.text for match in recall(stored, tmp_path) if "gamma" in match.text] == []


def test_an_open_file_is_recalled_from_as_it_stands_in_the_editor(tmp_path: Path) -> None:
    fixture = """
        #- other.py
        connect(host, port, timeout=30)
        #- main.py
        connect(host, port, $0
        """
    match = recall(fixture, tmp_path, opened=("other.py",))[0]
    assert (match.text, match.key) == ("timeout=30)", (ROOT, 0))


def test_indentation_of_the_source_does_not_matter_and_a_block_is_indented_for_the_place(tmp_path: Path) -> None:
    check_recall(
        """
        #- other.py
        class A:
            def f(self):
                for item in items:
                    if item.valid:
                        use(item)
                    else:
                        drop(item)
                done()
        #- main.py
        for item in items:
            $0
        """,
        "if item.valid:\n        use(item)\n    else:\n        drop(item)",
        tmp_path,
        whole_block=True,
    )


def test_agreement_is_the_share_of_the_votes(tmp_path: Path) -> None:
    matches = recall(
        """
        #- a.py
        send(message, retry=True)
        #- b.py
        send(message, retry=True)
        #- c.py
        send(message, retry=False)
        #- main.py
        send(message, $0
        """,
        tmp_path,
    )
    agreement = {match.text: (round(match.agreement, 2), match.votes) for match in matches}
    assert agreement == {"retry=True)": (0.67, 2), "retry=False)": (0.33, 1)}
    assert matches[0].text == "retry=True)"
    assert matches[0].confidence > matches[1].confidence


def test_a_comment_behind_the_code_is_not_recalled(tmp_path: Path) -> None:
    check_recall(
        """
        #- other.py
        fetch(url, verify=False)  # noqa: S501
        print("# not a comment", url)
        #- main.py
        fetch(url, $0
        """,
        "verify=False)",
        tmp_path,
    )


def test_emoji_before_the_cursor_and_in_the_source_do_no_harm(tmp_path: Path) -> None:
    match = check_recall(
        """
        #- other.py
        # 🦜🦜 größe
        greet("🦜", name, loud=True)
        #- main.py
        greet("🦜", name, $0
        """,
        "loud=True)",
        tmp_path,
    )
    assert match.start == parse('# 🦜🦜 größe\ngreet("🦜", name').files["main.py"].rindex("name") + 4


@pytest.mark.parametrize("text", ["$0", "\n$0", "x$0", "\ud800$0", "🦜 $0", "\r\n\t$0"])
def test_nothing_to_go_by_is_an_empty_answer(text: str, tmp_path: Path) -> None:
    assert recall(text, tmp_path) == []


def test_code_outside_ascii_and_lone_surrogates_are_recalled(tmp_path: Path) -> None:
    check_recall(
        "#- o.py\nsage(größe, '\ud800', name=大小)\n#- main.py\nsage(größe, '\ud800', $0", "name=大小)", tmp_path
    )


def test_the_longest_match_is_found_among_very_many(tmp_path: Path) -> None:
    many = "\n".join(f"item.add(key{number}, value)\n" * 3 for number in range(300))
    before = "".join(f"step{number} = prepare(step{number - 1})\n" for number in range(1, 5))
    fixture = (
        f"#- many.py\n{many}\n#- one.py\n{before}item.add(step4, value, deep=True)\n"
        f"#- two.py\n{many}\n#- main.py\n{before}item.add($0"
    )
    assert recall(fixture, tmp_path)[0].text == "step4, value, deep=True)"


def test_half_a_word_is_begun_by_words_of_its_own_file_only(tmp_path: Path) -> None:
    """`foo` ends its file, and the next one begins with what would make it longer."""
    texts = ("x = foo", "bar = foob")
    stored = [
        SegmentFile(number, f"{number}.py", 0.0, blobs.pack(text, (), (), "python"))
        for number, text in enumerate(texts)
    ]
    build(tmp_path / "root.segment", stored)
    view = View([(ROOT, Segment.open(tmp_path / "root.segment"))], {}, ())
    (pool,) = view.list_pools(None)
    positions = np.arange(sum(len(tokens.tokenize(text.encode()).ids) + 1 for text in texts) + 1)
    found = positions[pool.match_prefix(positions, "foob")]
    assert [pool.locate(position) for position in found.tolist()] == [((ROOT, 1), 6)]


@pytest.mark.parametrize(
    "cursor", ["    total = compute(first, ", "    total = compute(first, sec", "    x = compute(one, "]
)
def test_candidates_of_several_pools_are_the_longest_matches_of_all(tmp_path: Path, cursor: str) -> None:
    rng = random.Random(cursor)  # noqa: S311 - a sample that repeats, no secret
    libraries = []
    for number in range(4):
        lines = [
            f"{'    ' * rng.randrange(2)}{rng.choice(['total', 'x', 'sum'])} = compute({rng.choice(['first', 'one'])}, "
            f"{rng.choice(['second', 'section', 'third', 'second' + ' + a' * 50])})\n"
            for _ in range(rng.randrange(5, 120))
        ]
        path = tmp_path / f"{number}.segment"
        build(path, [SegmentFile(0, "a.py", 0.0, blobs.pack("".join(lines), (), (), "python"))])
        libraries.append((f"library:{number}", Segment.open(path)))
    pools = View([], {}, (), libraries).list_pools(None)
    text = CursorText.of(f"def f(first):\n    x = one\n{cursor}", "")
    alone = [each for pool in pools for each in find_candidates(text, [pool], None) if each.pool is pool]
    together = [each for each in find_candidates(text, pools, None) if each.pool in pools]
    wanted = sorted(alone, key=lambda each: -each.exact)[:LIBRARY_COMPARED]
    assert [(pools.index(each.pool), each.position) for each in together] == [
        (pools.index(each.pool), each.position) for each in wanted
    ]
    assert len(together) == LIBRARY_COMPARED


def test_anchors_find_the_position_that_shares_most_among_thousands(tmp_path: Path) -> None:
    common = "row.append(cell)\n" * 3000
    text = f"{common}one two three four five six seven eight nine ten; row.append(cell)\n{common}"
    build(tmp_path / "a.segment", [SegmentFile(0, "a.py", 0.0, blobs.pack(text, (), (), "python"))])
    segment = Segment.open(tmp_path / "a.segment")
    asked = "one two three four five six seven eight nine ten; row.append("
    places = segment.find_anchors(Context(tokens.tokenize(tokens.fold(asked)).ids), 8)
    starts = [segment.find_code_point_offset(0, place) for place in places.tolist()]
    assert text.index(asked) + len(asked) - 1 in starts


def test_anchors_are_positions_after_the_last_tokens_with_more_of_their_line_to_come(tmp_path: Path) -> None:
    text = "a = total(b)\n" + "".join(f"word{number} = other(b)\n" for number in range(400)) + "c = total(b)"
    build(tmp_path / "a.segment", [SegmentFile(0, "a.py", 0.0, blobs.pack(text, (), (), "python"))])
    segment = Segment.open(tmp_path / "a.segment")

    def find(asked: str) -> list[str]:
        places = segment.find_anchors(Context(tokens.tokenize(tokens.fold(asked)).ids), 32)
        return [text[: segment.find_code_point_offset(0, place + 1)] for place in places.tolist()]

    assert sorted(find("x = total(b")) == sorted([text[: text.index(")")], text[:-1]])
    assert find("x = total(b)") == []


def test_every_feature_has_a_fitted_weight() -> None:
    assert recall_confidence.load_weights().shape == (len(recall_confidence.FEATURES),)
    assert len(set(recall_confidence.FEATURES)) == len(recall_confidence.FEATURES)


def test_a_block_at_the_top_of_a_file_has_nothing_to_do_with_the_file_before(tmp_path: Path) -> None:
    fixture = """
        #- before.py
        smiles = "😀😀😀"
        #- other.py
        with open(path, encoding="utf-8") as file:
            return json.load(file), "😀😀😀😀😀😀"
        #- main.py
        with open(path, encod$0
    """
    match = recall(fixture, tmp_path, whole_block=True)[0]
    assert match.text == 'ing="utf-8") as file:\n    return json.load(file), "😀😀😀😀😀😀"'
