"""Invariants 1, 7 and 8 of ARCHITECTURE.md, and the house rules that can be read off the source."""

from __future__ import annotations

import ast
import re

from tests.tidy.tree import ROOMS, program

# Who may speak to a network, and for what.
NETWORK = {"httpx", "requests", "urllib3", "aiohttp", "socket", "http", "websockets", "urllib", "ssl", "ftplib", "smtplib"}
MAY_SPEAK = {
    "server/serve.py": {"socket", "websockets"},  # listens where a person told it to
}
# Names that would pull in an LSP type.
LSP = {"pygls", "lsprotocol"}


def test_only_the_server_knows_lsp() -> None:
    found = [s.path for s in program() if not s.path.startswith("server/") and LSP & set(s.imports)]
    assert found == []


def test_arrows_point_from_server_to_agents_to_indexing_and_models() -> None:
    allowed = {
        "server": set(ROOMS),
        "agents": {"agents", "indexing", "models"},
        "indexing": {"indexing"},
        "models": {"models"},
        "starling_lsp.py": {"server"},
    }
    wrong = [
        f"{s.path} imports {name}"
        for s in program()
        for name in set(s.imports)
        if name in ROOMS and name not in allowed[s.path.partition("/")[0]]
    ]
    assert wrong == []


def test_position_encodings_are_converted_in_two_modules_only() -> None:
    found = sorted(s.path for s in program() if re.search(r"utf-?_?(16|32)|PositionEncodingKind", s.text, re.IGNORECASE))
    arithmetic = [path for path in found if path.startswith("server/") and path not in ENCODING_IS_NAMED]
    assert arithmetic == ["server/positions.py"] or set(arithmetic) <= {"server/positions.py", "server/documents.py"}


# These name an encoding (to negotiate it, or to tell a file's byte order mark) and compute nothing with it.
ENCODING_IS_NAMED: set[str] = set()


def test_nothing_prints() -> None:
    found = [f"{s.path}:{call.lineno}" for s in program() for name, call in s.calls if name == "print"]
    assert found == []


def test_no_network_but_where_a_person_asked_for_it() -> None:
    found = {s.path: names for s in program() if (names := NETWORK & set(s.imports))}
    assert {path: names - MAY_SPEAK.get(path, set()) for path, names in found.items()} == dict.fromkeys(found, set())


def test_modules_say_what_they_are() -> None:
    found = [s.path for s in program() if not ast.get_docstring(s.tree)]
    assert found == []


def test_names_are_nouns_of_the_field() -> None:
    words = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    found = [s.path for s in program() if words & set(re.split(r"[/_.]", s.path))]
    assert found == []


def test_every_blanket_except_gives_its_reason() -> None:
    found = [
        f"{s.path}:{node.lineno}"
        for s in program()
        for node in ast.walk(s.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
        and "BLE001" not in s.text.splitlines()[node.lineno - 1]
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert found == []
