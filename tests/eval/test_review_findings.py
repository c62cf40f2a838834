from __future__ import annotations

import io
import tarfile
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.eval import review_findings, tables
from tests.eval.data import DataError
from tests.eval.review_findings import JUDGEMENTS, LABELS, MOST_OF_A_RULE, PRECISION, Read
from tests.eval.reviewed_packages import SOURCES, list_packages, unpack

if TYPE_CHECKING:
    from pathlib import Path

LEAST_READ = 5  # of a rule, before its share says anything
RULE_GOAL, GOAL = 0.9, 0.95


def make_finding(rule: str, number: int, language: str = "python") -> Read:
    fingerprint = f"{rule}{number * 7919 % 1000:03}"
    return Read("package", language, rule, "warning", "a.py", number, "message", fingerprint)


def test_a_few_findings_of_each_rule_are_read() -> None:
    picked = review_findings.choose_findings(
        [make_finding(rule, number) for rule in ("a", "b") for number in range(50)]
    )
    assert Counter(each.rule for each in picked) == {"a": MOST_OF_A_RULE, "b": MOST_OF_A_RULE}


def test_what_is_read_stays_when_other_findings_go() -> None:
    found = [make_finding("a", number) for number in range(50)]
    picked = review_findings.choose_findings(found)
    left = [each for each in found if each in picked or each.line % 2]
    assert review_findings.choose_findings(left) == picked


def test_the_table_counts_judgements_by_rule_and_language() -> None:
    found = [make_finding("a", 1), make_finding("a", 2), make_finding("b", 3, "c")]
    labels = {found[0].fingerprint: "useful", found[1].fingerprint: "false"}
    rows = {(row["kind"], row["name"]): row for row in review_findings.make_table(found, labels)}
    assert rows.keys() == {("all", "all"), ("rule", "a"), ("rule", "b"), ("language", "c"), ("language", "python")}
    assert [rows["rule", "a"][key] for key in ("found", "read", "useful", "false", "not_false")] == [2, 2, 1, 1, 0.5]
    assert [rows["rule", "b"][key] for key in ("found", "read", "not_false")] == [1, 0, ""]


def write_archive(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"x\n"))
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return path


def test_an_archive_is_unpacked_without_links_and_without_its_top_folder(tmp_path: Path) -> None:
    unpack(write_archive(tmp_path / "a.tgz", "package/a.py", "package/b/c.js"), tmp_path / "out")
    files = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(files) == ["a.py", "b/c.js"]


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="unsafe"):
        unpack(write_archive(tmp_path / "a.tgz", name), tmp_path / "out")


def test_the_pinned_packages_are_many_and_of_known_sources() -> None:
    pinned = list_packages()
    assert len({one.name for one in pinned}) == len(pinned) >= 20
    assert {one.source for one in pinned} == set(SOURCES)


def test_enough_findings_are_judged_and_nearly_none_is_false() -> None:
    labels = [row["label"] for row in tables.read_table(LABELS)]
    assert len(labels) >= 400
    assert set(labels) <= set(JUDGEMENTS)
    rows = tables.read_table(PRECISION)
    assert float(rows[0]["not_false"]) >= GOAL
    assert len([row for row in rows if row["kind"] == "language" and int(row["read"])]) >= 10
    judged = [row for row in rows if row["kind"] == "rule" and int(row["read"]) >= LEAST_READ]
    assert [row["name"] for row in judged if float(row["not_false"]) < RULE_GOAL] == []
