"""Fixes that are marked as safe change no behaviour, for other modules neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents import actions
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from agents.reviewer.ruff.import_index import ImportIndex
from indexing.syntax.documents import Document
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

HELPERS = "from models import User\nimport readline\nimport json\n\n\ndef make():\n    return 1\n"


def apply_safe_fixes(root: Path, fixture: str, name: str) -> str:
    """Return the text of `name` after all safe fixes; a review of one file and one of many have to agree on them."""
    marked = parse(fixture)
    marked.write(root)
    text = marked.files[name]
    document = Document((root / name).as_uri(), root / name, "python", text)
    reviewer = Reviewer(ReviewPolicy(), roots=lambda: [root])
    findings = reviewer.review(document)
    ((_, batch),) = reviewer.review_files([document])
    edits = actions.collect_safe_edits(findings)
    assert actions.collect_safe_edits(batch) == edits
    reviewer.close()
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


@pytest.mark.parametrize(
    ("user", "stays"),
    [
        ("from helpers import json, make", True),
        ("from helpers import (\n    make,  # it\n    json,\n)", True),
        ("from .helpers import json", True),
        ("from lib.helpers import json as j", True),
        ("from helpers import *", True),
        ("import helpers\nhelpers.json.dumps(1)", True),
        ("import lib.helpers as h\nh.json.dumps(1)", True),
        ("from . import helpers as h\nh . json", True),
        ("from lib import helpers, \\\n    other\nprint(helpers.json)", True),
        ("if x:\n    from helpers import json", True),
        ("from helpers import make", False),
        ("import helpers\nhelpers.make()", False),
        ("from others import json", False),
        ("import json", False),
        ("from elsewhere.helpers import json", False),
    ],
)
def test_an_import_that_is_imported_from_here_stays(tmp_path: Path, user: str, *, stays: bool) -> None:
    fixture = f"#- lib/__init__.py\n\n#- lib/helpers.py\n{HELPERS}#- lib/app.py\n{user}\n"
    assert ("import json" in apply_safe_fixes(tmp_path, fixture, "lib/helpers.py")) is stays


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("import json", False),
        ("from os import path", False),
        ("from typing import Any", False),
        ("from collections.abc import Iterable", False),
        ("import readline", True),  # lines are edited by it
        ("import antigravity", True),
        ("from models import User", True),  # whatever that does
        ("from models import used, User", False),  # which is done all the same
        ("from models import User, Group", True),
        ("import numpy as np", True),
        ("import importlib.util", True),  # others may rely on its being there
        ("from concurrent import futures", True),
        ("import random", True),  # a file of that name stands beside it
        ("if TYPE_CHECKING:\n    from models import User", False),  # never run
        ("class A:\n    import json", True),  # `A.json`
        ("def f():\n    import readline", True),
        ("def f():\n    import json", False),
    ],
)
def test_an_import_that_does_something_stays(tmp_path: Path, line: str, *, stays: bool) -> None:
    text = f"from typing import TYPE_CHECKING\n\n{line}\n\nprint(TYPE_CHECKING{', used' * ('used' in line)})\n"
    fixture = f"#- main.py\n{text}#- models.py\nprint('here')\n#- random.py\nprint('here')\n"
    after = apply_safe_fixes(tmp_path, fixture, "main.py")
    assert (after == text) is stays


def test_a_name_of_a_package_that_is_imported_from_it_stays(tmp_path: Path) -> None:
    fixture = (
        "#- ruff.toml\nlint.select = ['F401']\n#- lib/__init__.py\nimport json\nimport os\n"
        "#- lib/inner/app.py\nfrom .. import json\n"
    )
    assert "import json" in apply_safe_fixes(tmp_path, fixture, "lib/__init__.py")


def test_other_fixes_that_change_the_behaviour_are_not_safe(tmp_path: Path) -> None:
    text = "import sys\n\nif sys.argv is 3 or not 'x' in sys.argv:\n    print(f'x', sys.argv is 'y')\n"
    after = apply_safe_fixes(tmp_path, f"#- main.py\n{text}", "main.py")
    assert "is 3" in after
    assert "is 'y'" in after
    assert "print('x'" in after
    assert "print('x'" in after


def test_with_too_many_files_any_of_them_may_use_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.reviewer.ruff.import_index.MOST_FILES", 3)
    fixture = "#- main.py\nimport json\n" + "".join(f"#- f{n}.py\nx = {n}\n" for n in range(4))
    assert "import json" in apply_safe_fixes(tmp_path, fixture, "main.py")


def test_a_file_that_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.reviewer.ruff.import_index._FRESH_S", 0.0)
    marked = parse("#- main.py\nimport json\n#- app.py\nx = 1\n")
    marked.write(tmp_path)
    importers = ImportIndex(lambda: [tmp_path])
    assert not importers.may_be_imported(tmp_path / "main.py", ["json"])
    (tmp_path / "app.py").write_text("from main import json\n", "utf-8")
    assert importers.may_be_imported(tmp_path / "main.py", ["json"])
