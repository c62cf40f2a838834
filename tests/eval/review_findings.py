"""Measurement of the review's precision: the share of findings in real packages that people labelled as right.

| command | what it does |
| --- | --- |
| `python -m tests.eval.review_findings` | reviews the packages, counts by the labels, rewrites `review_precision.csv` |
| `... --unread FILE` | writes the chosen findings that have no label yet, with their surroundings, as JSON lines |

A finding is "useful" (an owner of the code would want to know it), "trivial" (true, but nobody would act on it) or
"false" (not true of the code, or the advice would do harm). Labels are in `review_labels.csv`, each with a fingerprint
that does not depend on line numbers: a change of a rule shows as findings without label and labels without finding.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from indexing.syntax import languages
from tests.eval import tables
from tests.eval.reviewed_packages import list_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.eval.reviewed_packages import Reviewed
    from tests.eval.tables import Cell

LABELS, PRECISION = "review_labels.csv", "review_precision.csv"
JUDGEMENTS = ("useful", "trivial", "false")
# Of one package: many rules and packages tell more than many findings of one kind, and hints are of a few kinds.
MOST_OF_A_RULE, MOST_HINTS_OF_A_RULE, MOST_OF_A_PACKAGE = 16, 12, 60
HINT = "note"  # SARIF's word for hints and information
BEFORE, AFTER = 12, 12  # lines shown around a finding
STARLING = Path(sys.executable).with_name("starling")


@dataclass(frozen=True)
class Read:
    """A finding in a package.

    Attributes:
        package: name of the package.
        language: language of the file.
        rule: code of the finding's rule.
        severity: level in SARIF.
        path: path of the file from the package's root.
        line: first line of the finding, from 1.
        message: message for the person.
        fingerprint: hash that does not depend on line numbers and on other findings.
    """

    package: str
    language: str
    rule: str
    severity: str
    path: str
    line: int
    message: str
    fingerprint: str


def review_package(wanted: Reviewed) -> list[Read]:
    """Return all findings of a package, as the command line reports them without any setting.

    Reviews a copy outside of this repository, to which our own configuration of ruff does not apply.
    """
    with tempfile.TemporaryDirectory() as folder:
        alone = shutil.copytree(wanted.root, Path(folder, wanted.root.name))
        command = [str(STARLING), "review", "--format", "sarif", "--fail-on", "never"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=alone)
    seen: Counter[str] = Counter()
    return [_parse_finding(wanted, result, seen) for result in json.loads(done.stdout)["runs"][0]["results"]]


def _parse_finding(wanted: Reviewed, result: Mapping[str, Any], seen: Counter[str]) -> Read:
    """Return a finding from a result of SARIF; `seen` counts equal findings in equal lines, and is updated."""
    place = result["locations"][0]["physicalLocation"]
    path, line = unquote(place["artifactLocation"]["uri"]), place["region"]["startLine"]
    file = wanted.root / path
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    own = lines[line - 1].strip() if line <= len(lines) else ""
    said = f"{result['ruleId']}\0{wanted.name}\0{path}\0{own}"
    seen[said] += 1
    return Read(
        package=wanted.name,
        language=languages.detect(file) or "",
        rule=result["ruleId"],
        severity=result["level"],
        path=path,
        line=line,
        message=result["message"]["text"],
        fingerprint=hashlib.sha256(f"{said}\0{seen[said]}".encode()).hexdigest()[:16],
    )


def choose_findings(found: Sequence[Read]) -> list[Read]:
    """Return the findings of one package to label: a fixed random choice, with limits for each rule and in all."""
    kept: Counter[str] = Counter()
    picked = []
    for each in sorted(found, key=lambda one: one.fingerprint):
        most = MOST_HINTS_OF_A_RULE if each.severity == HINT else MOST_OF_A_RULE
        if kept[each.rule] < most and kept.total() < MOST_OF_A_PACKAGE:
            kept[each.rule] += 1
            picked.append(each)
    return picked


def make_worksheet(wanted: Reviewed, read: Sequence[Read]) -> Iterator[dict[str, Cell]]:
    """Yield the data for a person to judge each of the findings `read`: its fields, and the lines around it."""
    for each in read:
        lines = (wanted.root / each.path).read_text(encoding="utf-8", errors="replace").splitlines()
        first = max(0, each.line - 1 - BEFORE)
        shown = (f"{first + n + 1:5} {text[:200]}" for n, text in enumerate(lines[first : each.line + AFTER]))
        yield {**asdict(each), "root": str(wanted.root), "code": "\n".join(shown)}


def make_table(found: Sequence[Read], labels: Mapping[str, str]) -> list[dict[str, Cell]]:
    """Return the rows of the table: all findings, each rule, each language.

    `labels` has the judgements by fingerprint; findings without a label count as found, not as read.
    """
    kinds: dict[str, Callable[[Read], str]] = {
        "all": lambda _: "all", "rule": lambda each: each.rule, "language": lambda each: each.language,
    }  # fmt: skip
    return [
        _make_row(kind, name, group, labels)
        for kind, key in kinds.items()
        for name, group in sorted(_group(found, key).items())
    ]


def _group(found: Sequence[Read], key: Callable[[Read], str]) -> dict[str, list[Read]]:
    """Return the findings by the value of `key`."""
    groups: dict[str, list[Read]] = defaultdict(list)
    for each in found:
        groups[key(each)].append(each)
    return groups


def _make_row(kind: str, name: str, group: Sequence[Read], labels: Mapping[str, str]) -> dict[str, Cell]:
    """Return the row of the table for a group of findings; `kind` and `name` identify the group."""
    judged = [labels[each.fingerprint] for each in group if each.fingerprint in labels]
    counted: dict[str, Cell] = {judgement: judged.count(judgement) for judgement in JUDGEMENTS}
    shares = tables.format_interval("not_false", [float(judgement != "false") for judgement in judged])
    return {"kind": kind, "name": name, "found": len(group), "read": len(judged), **counted, **shares}


def main() -> int:
    """Review all packages; write the table, or for `--unread` the findings without a label; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--unread", type=Path, metavar="FILE", help="write the findings that have no label yet")
    wanted = parser.parse_args()
    labels = (
        {row["fingerprint"]: row["label"] for row in tables.read_table(LABELS)}
        if (tables.FOLDER / LABELS).exists()
        else {}
    )
    every, sheet = [], []
    for package in list_packages():
        found = review_package(package)
        every += found
        unread = [each for each in choose_findings(found) if each.fingerprint not in labels]
        sheet += list(make_worksheet(package, unread))
        print(f"{package.name}: {len(found)} findings, {len(unread)} of the chosen ones unread", flush=True)
    if wanted.unread:
        wanted.unread.write_text("".join(json.dumps(row) + "\n" for row in sheet), encoding="utf-8")
        return 0
    tables.write_table(PRECISION, make_table(every, labels))
    gone = labels.keys() - {each.fingerprint for each in every}
    print(f"{len(every)} findings, {len(sheet)} unread, {len(gone)} labels whose finding is gone")
    return 0


if __name__ == "__main__":
    sys.exit(main())
