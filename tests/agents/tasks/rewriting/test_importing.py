"""Imports of an answer, added to those of the document: each name once, only used ones, in the existing order."""

from __future__ import annotations

import pytest

from agents.edits import apply_edits
from agents.tasks.rewriting.importing import build_import_edits, build_well_known_import, strip_imports
from indexing.syntax.syntax import Syntax
from tests.agents.doubles import make_document


def add_imports(text: str, answer: str, *used: str, language: str = "python") -> str:
    document, code = (Syntax.of(make_document(one, language)) for one in (text, answer))
    return apply_edits(text, build_import_edits(code, document, used, language=language))


@pytest.mark.parametrize(
    ("text", "answer", "used", "expected"),
    [
        ("import os\n\nx = 1\n", "import re\n", "re", "import os\nimport re\n\nx = 1\n"),
        ("import os\nimport sys\n", "import re\n", "re", "import os\nimport re\nimport sys\n"),
        ("import os\n", "import re, json\n", "json", "import json\nimport os\n"),
        ("import os\n", "import os\n", "os", "import os\n"),
        ("import os\n", "import re\n", "os", "import os\n"),
        ("from a import b\n", "from a import c\n", "c", "from a import b, c\n"),
        ("from a import c\n", "from a import b\n", "b", "from a import b, c\n"),
        ("from a import z, b\n", "from a import c as d\n", "d", "from a import z, b, c as d\n"),
        ("from a import (\n    b,\n)\n", "from a import c\n", "c", "from a import (\n    b,\n    c,\n)\n"),
        ("from a import b  # why\n", "from a import c\n", "c", "from a import b  # why\nfrom a import c\n"),
        ("x = 1\n", "import re\n", "re", "import re\n\nx = 1\n"),
        ('"""Doc."""\n\nx = 1\n', "import re\n", "re", '"""Doc."""\n\nimport re\n\nx = 1\n'),
        ("#!/usr/bin/python\n# Licence.\n\nx = 1\n", "import re\n", "re", "#!/usr/bin/python\n# Licence.\n\nimport re\n\nx = 1\n"),  # noqa: E501
        (
            "from __future__ import annotations\n\nx = 1\n",
            "import re\n",
            "re",
            "from __future__ import annotations\n\nimport re\n\nx = 1\n",
        ),
        ("import os\n\nimport attrs\n", "import re\n", "re", "import os\nimport re\n\nimport attrs\n"),
        ("import os\n\nimport attrs\n", "import rich\n", "rich", "import os\n\nimport attrs\nimport rich\n"),
        ("import os\n\n\ndef re():\n    pass\n", "import re\n", "re", "import os\n\n\ndef re():\n    pass\n"),
        ("# é\nimport os\n", "# ü\nimport re\n", "re", "# é\nimport os\nimport re\n"),
    ],
)  # fmt: skip
def test_imports_of_an_answer_join_those_of_a_python_file(text: str, answer: str, used: str, expected: str) -> None:
    assert add_imports(text, answer, used) == expected


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ("x = 1\n", "import re\n", "import re\n\nx = 1\n"),
        ("import time\n", "import re\n", "import re\nimport time\n"),
        ('"""Doc."""\n', "import re\n", '"""Doc."""\n\nimport re\n'),
        ("from a import b\n", "from a import re\n", "from a import b, re\n"),
    ],
)
def test_an_import_comes_after_a_byte_order_mark(text: str, answer: str, expected: str) -> None:
    assert add_imports(f"\ufeff{text}", answer, "re") == f"\ufeff{expected}"
    assert add_imports(text, answer, "re") == expected


def test_an_import_of_another_language_comes_after_a_byte_order_mark() -> None:
    answer = 'import a from "a";\n'
    assert add_imports('\ufeffimport b from "b";\n', answer, "a", language="javascript") == (
        f'\ufeff{answer}import b from "b";\n'
    )


def test_a_long_list_of_names_gets_a_line_of_its_own() -> None:
    text = f"from a import {', '.join('n' * 9 + str(n) for n in range(7))}\n"
    assert add_imports(text, "from a import other", "other") == f"{text}from a import other\n"


@pytest.mark.parametrize(
    ("language", "text", "answer", "used", "expected"),
    [
        ("javascript", 'import a from "a";\n\nf();\n', 'import b from "b";\n', "b", 'import a from "a";\nimport b from "b";\n\nf();\n'),  # noqa: E501
        ("javascript", 'import a from "a";\n', 'import b from "b";\n', "c", 'import a from "a";\n'),
        ("c", "#include <stdio.h>\n\nint f();\n", "#include <stdio.h>\n#include <string.h>\n", "", "#include <stdio.h>\n#include <string.h>\n\nint f();\n"),  # noqa: E501
        ("java", "package a;\n\nimport java.util.List;\n", "import java.util.Map;\n", "Map", "package a;\n\nimport java.util.List;\nimport java.util.Map;\n"),  # noqa: E501
        ("rust", "use std::fmt;\n", "use std::io;\n", "io", "use std::fmt;\nuse std::io;\n"),
        ("go", 'package a\n\nimport (\n\t"fmt"\n)\n', 'package a\n\nimport (\n    "os"\n)\n', "os", 'package a\n\nimport (\n\t"fmt"\n\t"os"\n)\n'),  # noqa: E501
    ],
)  # fmt: skip
def test_imports_of_an_answer_join_those_of_other_languages(
    language: str, text: str, answer: str, used: str, expected: str
) -> None:
    assert add_imports(text, answer, used, language=language) == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("import os\n", "re", "import os\nimport re\n"),
        ("from typing import Any\n", "Optional", "from typing import Any, Optional\n"),
        ("from typing import Any\n", "Callable", "from typing import Any, Callable\n"),
        ("import os\n", "Callable", "import os\nfrom collections.abc import Callable\n"),
        ("import os\n", "frobnicate", "import os\n"),
        ("import os\n", "_thread", "import os\n"),
    ],
)
def test_well_known_names_are_imported(text: str, name: str, expected: str) -> None:
    assert apply_edits(text, build_well_known_import(name, Syntax.of(make_document(text)))) == expected


def test_code_without_its_imports() -> None:
    code = "import os\nfrom a import b\n\nx = os.name\n\n\ndef f():\n    import re\n"
    assert strip_imports(code, Syntax.of(make_document(code))) == "\nx = os.name\n\n\ndef f():\n    import re\n"


def test_braces_keep_only_the_names_that_are_missing() -> None:
    text, answer = 'import { b } from "z";\n', 'import { a, b, type T } from "x";\n'
    found = add_imports(text, answer, "a", "b", "T", language="typescript")
    assert 'import { a, type T } from "x";' in found
    assert found.count("b }") == 1
