"""Invariants 1, 7 and 8 of ARCHITECTURE.md, and rules that the source code shows."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from tests.tidy.tree import ROOMS, read_modules

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from tests.tidy.tree import Source

# Modules of Python that reach a network.
NETWORK = {
    *(
        "httpx",
        "httpx2",
        "requests",
        "urllib3",
        "aiohttp",
        "socket",
        "http",
        "websockets",
        "urllib",
        "ssl",
        "ftplib",
        "smtplib",
        "psycopg",
    ),
}
MAY_SPEAK = {
    # the database named in `state.database`, which no workspace and no editor can set
    "server/state/databases/addresses.py": {"urllib"},  # takes an address apart
    "server/state/databases/connections.py": {"psycopg"},
    "server/state/databases/errors.py": {"psycopg"},
    "server/state/databases/pool.py": {"psycopg"},
    "server/state/databases/postgresql.py": {"psycopg"},
    # the way to a chat model: made only where a person set `chat.url`, which no workspace and no editor can
    "models/remote/attempts.py": {"httpx2"},
    "models/remote/http.py": {"httpx2", "ssl", "urllib"},
    "models/remote/completion/discovery.py": {"httpx2"},  # asks the server named in `model.host` for its models
    "models/host/address.py": {"socket"},  # whether the host listens, on this machine
    "models/host/health_check.py": {"httpx2"},  # asks the host how it is, for the doctor
    "models/host/daemon.py": {"socket"},  # listens for this user alone: a Unix socket, or loopback with a token
    "server/pairing/pairing_server.py": {"socket"},  # listens for this user's agents alone, who know a private file
    "server/pairing/editors.py": {"socket"},  # connects to such a language server on this machine
    "models/host/peers.py": {"socket"},  # asks the kernel who is at the other end of a Unix socket
    "models/remote/providers/context_windows.py": {"httpx2"},  # asks the server that a person named for its window
    "models/scripted/scripted_server.py": {"http", "socket"},  # listens on this machine, for who tries a script
    "server/gate/commands/launcher.py": {"socket"},  # numbers of socket families, and a loopback that is switched on
    "server/gate/commands/scrubbing.py": {"urllib"},  # writes a secret as in a URL, to find it there
    "server/assembly/endpoints.py": {"urllib"},  # takes an address apart
    "server/assembly/observation/observation_settings.py": {"urllib"},  # as above
    "server/observation/opentelemetry_tracer.py": {"urllib"},  # as above; its library sends traces where a person said
    "server/assembly/team_settings.py": {"urllib"},  # as above
    "server/assembly/watching/alerts.py": {"urllib"},  # reads the name of a folder in a URI
    "server/assembly/watching/webhook.py": {"httpx2"},  # alerts to an address in the person's own settings
    "server/cli/review/sarif.py": {"urllib"},  # writes a path as a URI
    "indexing/workspace/origins.py": {"urllib"},  # takes a URI apart
    "indexing/workspace/secrets/encoded.py": {"urllib"},  # undoes the quoting of an address
    "indexing/workspace/secrets/known_values.py": {"urllib"},  # writes a secret as in an address, to find it there
    "server/mcp_client/http.py": {"httpx2"},  # an MCP server's address, which only the person's own settings can name
    "server/assembly/host_place.py": {"urllib"},  # takes an address apart
    "server/lsp/serving/resident.py": {"socket"},  # a Unix socket for this user alone, as the next two
    "server/lsp/front/link.py": {"socket"},
    "server/lsp/front/front.py": {"socket"},
    "server/lsp/serving/sockets.py": {"http", "urllib", "websockets"},  # listens where a person told it to
    "server/lsp/serving/bridge.py": {"websockets"},  # uses the connection of the next one
    "server/lsp/serving/remote_server.py": {"http", "ssl", "websockets"},  # connects where a person told it to
    "server/lsp/serving/uri_maps.py": {"urllib"},  # takes a URI apart
    "server/access/connection_errors.py": {"socket", "ssl"},  # names their errors
    "server/lsp/serving/login_listener.py": {"ssl"},  # as above, with the certificate of that person
    "server/access/addresses.py": {"urllib"},  # takes an address apart
    "server/access/encryption.py": {"ssl"},  # reads a certificate
    "server/access/endpoints.py": {"urllib"},  # reads a form
    "server/access/login_client.py": {"httpx2", "ssl"},  # logs in where a person told it to
    "server/cli/login.py": {"ssl"},  # reads the certificates that the person trusts
    "server/access/external_issuer.py": {"httpx2"},  # the issuer that a person's own settings name
    "server/work/systemd_messages.py": {"socket"},  # a message to systemd on this machine, if that asks for it
    "server/lsp/wire/streams.py": {"websockets"},  # reads and writes such a connection
}
# Packages with LSP types.
LSP = {"pygls", "lsprotocol"}
MOST_MODULES = 20  # in a folder; more need subfolders
# of LSP's methods, of our commands, and of the team's tools
ONE_FOR_EACH = {"server/lsp/features", "server/lsp/commands", "server/cli", "agents/team/tools"}
MOST_LINES = 25  # of a handler; rules belong into the core


def test_only_the_edge_knows_lsp() -> None:
    found = [s.path for s in read_modules() if not s.path.startswith("server/lsp/") and LSP & set(s.imports)]
    assert found == []


def test_only_one_folder_knows_the_agent_client_protocol() -> None:
    assert {s.path.rpartition("/")[0] for s in read_modules() if "acp" in s.imports} == {"server/acp"}


def test_only_two_folders_know_the_model_context_protocol() -> None:
    packages = {"mcp", "mcp_types"}
    found = {s.path.rpartition("/")[0] for s in read_modules() if packages & set(s.imports)}
    assert found == {"server/mcp", "server/mcp_client"}


def test_only_one_module_of_the_state_knows_which_database_there_is() -> None:
    assert [s.path for s in read_modules() if s.path.startswith("server/") and "sqlite3" in s.imports] == [
        "server/state/databases/sqlite.py"
    ]


def test_only_one_folder_knows_psycopg() -> None:
    found = {s.path.rpartition("/")[0] for s in read_modules() if "psycopg" in s.imports}
    assert found == {"server/state/databases"}


def test_arrows_point_from_server_to_agents_to_indexing_and_models() -> None:
    allowed = {
        "server": set(ROOMS),
        "agents": {"agents", "indexing", "models"},
        "indexing": {"indexing"},
        "models": {"models"},
        "starling_files.py": set(),
        "starling_lsp.py": {"server"},
        "starling_python.py": set(),
    }
    wrong = [
        f"{s.path} imports {name}"
        for s in read_modules()
        for name in set(s.imports)
        if name in ROOMS and name not in allowed[s.path.partition("/")[0]]
    ]
    assert wrong == []


def test_no_module_imports_another_that_imports_it() -> None:
    modules = {name_module(s.path): s for s in read_modules()}
    graph = {
        name: {found for found in find_imports(s, modules) if found != name and not name.startswith(found + ".")}
        for name, s in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises with the cycle


def test_no_folder_holds_more_than_a_person_can_look_over() -> None:
    folders = Counter(s.path.rpartition("/")[0] for s in read_modules() if not s.path.endswith("__init__.py"))
    crowded = {folder for folder, count in folders.items() if count > MOST_MODULES}
    assert crowded - ONE_FOR_EACH == set()


def name_module(path: str) -> str:
    """Return the dotted name of the module in the file `path`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def find_imports(source: Source, modules: Container[str]) -> Iterator[str]:
    """Yield the names in `modules` that a file imports, at its top or inside functions."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (name if name in modules else node.module for name in inner)


def test_position_encodings_are_counted_in_two_modules_only() -> None:
    counting = re.compile(r"""encode\(["']utf-?_?(16|32)|["']utf-(16|32)["'] or""", re.IGNORECASE)
    found = sorted(s.path for s in read_modules() if s.path.startswith("server/") and counting.search(s.text))
    # server/lsp/session/open_documents.py repairs lone halves of characters that JSON may bring; it knows no position
    assert found == [
        "server/lsp/conversion/incoming.py",
        "server/lsp/conversion/outgoing.py",
        "server/lsp/session/open_documents.py",
    ]


def test_handlers_convert_in_call_once_and_convert_out() -> None:
    long = [
        f"{s.path}:{node.lineno} {node.name}"
        for s in read_modules()
        if s.path.startswith("server/lsp/features/")
        for node in ast.walk(s.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno > MOST_LINES
    ]
    assert long == []


def test_nothing_prints() -> None:
    found = [f"{s.path}:{call.lineno}" for s in read_modules() for name, call in s.calls if name == "print"]
    assert found == []


def test_no_network_but_where_a_person_asked_for_it() -> None:
    found = {s.path: names for s in read_modules() if (names := NETWORK & set(s.imports))}
    assert {path: names - MAY_SPEAK.get(path, set()) for path, names in found.items()} == {
        path: set() for path in found
    }


def test_modules_say_what_they_are() -> None:
    found = [s.path for s in read_modules() if not ast.get_docstring(s.tree)]
    assert found == []


def test_names_are_nouns_of_the_field() -> None:
    words = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    found = [s.path for s in read_modules() if words & set(re.split(r"[/_.]", s.path))]
    assert found == []


def test_every_blanket_except_gives_its_reason() -> None:
    found = [
        f"{s.path}:{node.lineno}"
        for s in read_modules()
        for node in ast.walk(s.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
        and "BLE001" not in s.text.splitlines()[node.lineno - 1]
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert found == []
