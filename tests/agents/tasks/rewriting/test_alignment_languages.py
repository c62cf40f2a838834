"""Alignment in each language with functions: one changed line of an answer with the function or the whole file."""

# ruff: noqa: E501 - texts of programs

from __future__ import annotations

import textwrap

import pytest

from agents.edits import apply_edits
from agents.tasks.rewriting.alignment import align
from agents.tasks.rewriting.definition_writing import Target
from agents.tasks.rewriting.definitions import list_definitions
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax

TEXTS = {
    "javascript": "const a = require('a');\n\nclass Circle {\n  area() {\n    return 3 * this.r;\n  }\n\n  other( ) {\n    return 1;\n  }\n}\n\nmodule.exports = Circle;\n",
    "tsx": "import React from 'react';\n\nexport const Area = (props: Props) => {\n  return <b>{3 * props.r}</b>;\n};\n\nexport function Other( ) {\n  return null;\n}\n",
    "c": "#include <stdio.h>\n\nint area(int r) {\n    return 3 * r;\n}\n\nint other( void )\n{\n    return 1;\n}\n",
    "cpp": "#include <vector>\n\nclass Circle {\npublic:\n    int area() const {\n        return 3 * r;\n    }\n\n    int other( ) {\n        return 1;\n    }\n\nprivate:\n    int r;\n};\n\nint Circle::far() {\n    return 7 * r;\n}\n",
    "csharp": "using System;\n\nnamespace Shapes {\n    public class Circle {\n        private int r;\n\n        public int Area() {\n            return 3 * r;\n        }\n\n        public int Other( ) {\n            return 1;\n        }\n    }\n}\n",
    "php": "<?php\nnamespace A;\n\nclass Circle {\n    public function area() {\n        return 3 * $this->r;\n    }\n\n    public function other( ) {\n        return 1;\n    }\n}\n",
    "ruby": "require 'set'\n\nclass Circle\n  def area\n    3 * @r\n  end\n\n  def other( )\n    1\n  end\nend\n",
    "kotlin": "import java.util.*\n\nclass Circle(val r: Int) {\n    fun area(): Int {\n        return 3 * r\n    }\n\n    fun other( ): Int {\n        return 1\n    }\n}\n",
    "swift": "import Foundation\n\nclass Circle {\n    func area() -> Int {\n        return 3 * r\n    }\n\n    func other( ) -> Int {\n        return 1\n    }\n}\n",
    "scala": "import a.b\n\nclass Circle(r: Int) {\n  def area(): Int = {\n    3 * r\n  }\n\n  def other( ): Int = {\n    1\n  }\n}\n",
    "lua": "local a = require('a')\n\nlocal function area(r)\n  return 3 * r\nend\n\nfunction M.other( )\n  return 1\nend\n",
    "dart": "import 'a.dart';\n\nclass Circle {\n  int area() {\n    return 3 * r;\n  }\n\n  int other( ) {\n    return 1;\n  }\n}\n",
    "bash": "set -e\n\narea() {\n  echo $((3 * r))\n}\n\nother( ) {\n  echo 1\n}\n",
    "rust": "use std::fmt;\n\npub struct Circle {\n    r: i32,\n}\n\nimpl Circle {\n    pub fn area(&self) -> i32 {\n        3 * self.r\n    }\n\n    fn other( &self) -> i32 {\n        1\n    }\n}\n",
    "sql": "CREATE TABLE a (id INT);\n\nCREATE FUNCTION area(r INT) RETURNS INT AS $$\n  SELECT 3 * r;\n$$ LANGUAGE SQL;\n",
}

OLD, NEW = "3 *", "4 *"


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("whole", [False, True], ids=["function", "file"])
def test_one_line_of_one_function_is_changed(language: str, *, whole: bool) -> None:
    text = TEXTS[language]
    document = Document("file:///a", None, language, text)
    syntax = Syntax.of(document)
    at = text.index(OLD)
    around = [one for one in list_definitions(syntax) if one.sort == "function" and one.span.start <= at < one.span.end]
    span = around[-1].span
    expected = text.replace(OLD, NEW)
    alone = textwrap.dedent(text[span.start : span.end].replace(OLD, NEW))
    answer = expected.replace("( )", "()").replace("( &", "(&") if whole else alone
    found = align(answer, Target(document, syntax, span))
    assert found is not None
    assert apply_edits(text, found.edits) == expected
