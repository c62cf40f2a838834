"""Findings of ruff that are uncertain: names of an earlier iteration, of old versions, of tests; stubs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.findings import Severity
from agents.reviewer.notebook_cells import filter_cell_findings
from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import make_document

REVIEWER = Reviewer()

SILENT = {
    "an earlier round": "def f(n):\n    for i in range(n):\n        if i:\n            print(last)\n        last = i\n",
    "an annotated name": (
        "def f(rows):\n    best: int\n    for row in rows:\n        if row:\n"
        "            print(best)\n        best = row\n"
    ),
    "a global of the same name": (
        "x = 0\n\n\ndef f(n):\n    while n:\n        if n > 1:\n            print(x)\n        x = n\n"
    ),
    "a loop of a module": "for i in range(3):\n    if i:\n        print(last)\n    last = i\n",
    "a round that ends": (
        "def f(n):\n    for i in n:\n        if not i:\n            last = i\n"
        "            continue\n        print(last)\n"
    ),
    "an import in a loop": "def f(n):\n    while n:\n        if n > 1:\n            os.stat('a')\n        import os\n",
    "a with in a loop": (
        "def f(n):\n    while n:\n        if n > 1:\n            a.read()\n"
        "        with open(n) as a:\n            pass\n"
    ),
    "a del that may not run": "def f(c):\n    y = 1\n    if c:\n        del y\n        return\n    print(y)\n",
    "an annotation, deleted below": "from a import B\n\n\ndef f(b: B.C):\n    pass\n\n\ndel B\n",
    "an old Python": "from six import PY2\n\nif PY2:\n    text = unicode\n",
    "a name that is probed": "try:\n    profile_of\nexcept Exception:\n    profile_of = None\n",
    "gettext": "print(_('text'))\n",
    "a fixture": "from fixtures import thing\n\n\ndef test_it(thing):\n    assert thing\n",
    "a decorated definition": "@app.route('/a')\ndef get():\n    pass\n\n\n@app.route('/b')\ndef get():\n    pass\n",
    "a module that makes its names": "__all__ = ['a']\n\n\ndef __getattr__(name):\n    return name\n",
    "a submodule": "import a.b\n\n\ndef f():\n    pass\n",
    "a type comment": "from typing import List\n\nx = []  # type: List[int]\n",
    "a probe by import": ("try:\n    import numpy\n\n    HAS = True\nexcept ImportError:\n    HAS = False\n"),
}


def find_codes(text: str, path: str = "/w/module.py") -> list[str]:
    found = REVIEWER.review(make_document(text, path=Path(path)))
    return [each.code for each in found if each.source == "ruff" and each.message.find("`app`") < 0]


@pytest.mark.parametrize("name", sorted(SILENT))
def test_code_that_is_right_gives_no_finding(name: str) -> None:
    assert find_codes(SILENT[name]) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    print(later)\n    later = 1\n",  # also: one fault, one finding
        "def f(n):\n    for i in n:\n        print(last)\n        last = i\n",
        "def f(n):\n    while last:\n        last = n()\n",
        (
            "def f(n):\n    for i in n:\n        try:\n            i()\n        except n as e:\n"
            "            pass\n        print(e)\n"
        ),
        "def f(n):\n    for i in n:\n        def g():\n            last = i\n        if i:\n            print(last)\n",
        "def f():\n    y = 1\n    del y\n    print(y)\n",
        "text = unicode\n",
    ],
)
def test_what_is_bound_nowhere_is_an_error(text: str) -> None:
    found = [each for each in REVIEWER.review(make_document(text, path=Path("/w/module.py"))) if each.code != "F841"]
    assert [each.code for each in found] == ["F821"]
    assert all(each.severity is Severity.ERROR for each in found)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("from __future__ import annotations\n\n\ndef f(a: Missing): ...\n", Severity.INFORMATION),
        ("def f(a: 'list[Missing]'): ...\n", Severity.INFORMATION),
        ("def f(a: Missing): ...\n", Severity.ERROR),
        ("globals()['a'] = 1\nprint(Missing)\n", Severity.HINT),
    ],
)
def test_a_less_certain_undefined_name_is_less_severe(text: str, severity: Severity) -> None:
    (found,) = REVIEWER.review(make_document(text, path=Path("/w/module.py")))
    assert (found.code, found.severity) == ("F821", severity)


def test_a_finding_that_changes_nothing_is_a_hint() -> None:
    (found,) = REVIEWER.review(make_document("x = '{}'.format(1, 2)\n", path=Path("/w/module.py")))
    assert (found.code, found.severity) == ("F523", Severity.HINT)


def test_one_fault_gives_one_finding() -> None:
    assert find_codes("x = await f\n") == ["F704", "F821"]
    assert find_codes("def f():\n    print(later)\n    later = 1\n") == ["F821"]


def test_a_stub_never_runs() -> None:
    text = "def f(a=[], *, b={}.fromkeys([1], [])) -> None: ...\nassert (1, 'a')\n"
    assert find_codes(text, "/w/module.pyi") == []


def test_a_build_program_gives_its_files_names() -> None:
    assert find_codes("env = Environment()\nexport = env\n", "/w/SConstruct") == []


@pytest.mark.parametrize(
    "text",
    [
        "x = await f()",
        "async with a as b:\n    c(b)",
        "async for a in b:\n    c(a)",
        "[await w for w in y]",
        "[x async for x in y]",
        "files = !ls\nx = 1",
        "%%bash\nif [ a ]; then b; fi",
        "a == b",
        "y = 1\ny.z == 2",
    ],
)
def test_a_cell_is_no_module(text: str) -> None:
    found = REVIEWER.review(make_document(text, path=Path("/w/cell.py")))
    assert filter_cell_findings(found, text) == ()


@pytest.mark.parametrize(("text", "code"), [("return 1", "F706"), ("x = (", "invalid-syntax"), ("yield 1", "F704")])
def test_an_error_in_any_cell_stays_an_error(text: str, code: str) -> None:
    found = filter_cell_findings(REVIEWER.review(make_document(text, path=Path("/w/cell.py"))), text)
    assert [each.code for each in found] == [code]


@pytest.mark.parametrize(
    "text",
    [
        "callable = lambda x: hasattr(x, '__call__')\n",
        "from compat import callable\n\n\ndef f(x):\n    return callable(x) or hasattr(x, '__call__')\n",
        "class A:\n    size: int\n    size = 3\n",
        "import itertools\n\nfor _, g in itertools.groupby([1]):\n    first = next(g)\n    rest = list(g)\n",
        "def f():\n    try:\n        yield\n    except ValueError:\n        [][1]\n",
        "if not a in b:\n    c()\n",
    ],
)
def test_intended_code_and_style_give_no_finding(text: str) -> None:
    text = text if "if not a" not in text else "a, b, c = 1, [2], print\n" + text
    assert Reviewer().review(make_document(text)) == ()


def test_a_test_trusts_its_own_certificates() -> None:
    text = "import httpx\n\nclient = httpx.Client(verify=False)\n"
    assert Reviewer().review(make_document(text, path=Path("/w/test/test_http.py"))) == ()
    assert [each.code for each in Reviewer().review(make_document(text, path=Path("/w/http.py")))] == ["S501"]
