"""Names of installed libraries: found through the imports of a workspace, whose own files come first."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from indexing.index import Index
from indexing.syntax.documents import Document
from tests.indexing.conftest import LIMITS as BASE
from tests.indexing.libraries.environments import install, make_environment, write
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from indexing.resolution.names import DocumentNames

LIMITS = replace(BASE, library_bytes=1_000_000_000)
CLIENT = {
    "client/__init__.py": "from .api import fetch\nfrom client.sessions import *\n",
    "client/api.py": (
        "from .models import Answer\nfrom . import sessions\n\n"
        "def fetch(url, *, timeout=None, retries=0) -> Answer:\n    with sessions.Session() as session:\n"
        "        return session.get(url)\n"
    ),
    "client/sessions.py": (
        "import os\nimport own\n\n__all__ = ['Session']\n\nclass Session:\n"
        "    def __enter__(self):\n        return self\n    def get(self, url, params):\n        ...\n"
        "    def close(self): ...\n\nclass Hidden: ...\n\nhelper = own.Thing()\n"
    ),
    "client/models.py": "class Answer:\n    status = 200\n    def read(self, size): ...\n    def json(self): ...\n",
    "client/fast.pyi": "from .models import Answer\ndef quick(url: str) -> Answer: ...\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libraries") / "root"
    environment = make_environment(folder / ".venv")
    install(environment, "client", CLIENT)
    install(environment, "untyped", {"untyped/__init__.py": "def build(name):\n    return magic(name)\n"})
    stub = "class Built:\n    def run(self) -> int: ...\n\ndef build(name: str) -> Built: ...\n"
    install(environment, "types-untyped", {"untyped-stubs/__init__.pyi": stub})
    renaming = {
        "renaming/__init__.py": "from . import inner as part\nfrom .inner import make as made\n",
        "renaming/inner/__init__.py": "def make(): ...\n",
    }
    untold = (
        "class Kit:\n    def run(self): ...\n"
        'def sphinx():\n    """Fetch.\n\n    :rtype: untold.parts.Part\n    """\n    return magic()\n'
        'def sphinx_here():\n    """Fetch.\n\n    :rtype: :class:`~Kit`\n    """\n    return magic()\n'
        'def numpy():\n    """Fetch.\n\n    Returns\n    -------\n    kit : Kit\n    """\n    return magic()\n'
        'def google():\n    """Fetch.\n\n    Returns:\n        Kit: a new one.\n    """\n    return magic()\n'
        'def prose():\n    """Return a Kit.\n\n    :rtype: nothing.of.Kit\n    """\n    return magic()\n'
    )
    parts = {"untold/__init__.py": untold, "untold/parts.py": "class Part:\n    def read(self): ...\n"}
    install(environment, "untold", parts)
    models = (
        "from typing import TypedDict, Unpack\nclass BaseModel:\n    def __init__(self, /, **data): ...\n"
        "class Waiting(TypedDict, total=False):\n    wait: float\nclass Options(Waiting):\n    tries: int\n"
        "def send(url, **options: Unpack[Options]): ...\n"
    )
    install(environment, "models", {"models.py": models})
    install(environment, "renaming", renaming)
    install(environment, "spread-one", {"spread/one.py": "class One:\n    def first(self): ...\n"})
    install(environment, "spread-two", {"spread/two.py": "class Two:\n    def second(self): ...\n"})
    write(folder.parent / "python" / "lib" / "python3.11", {"abc.py": "class ABC:\n    def hidden(self): ...\n"})
    install(environment, "local", {"local.py": "class Wrong:\n    def wrong(self): ...\n"})
    write(folder, {"own.py": "class Thing:\n    def act(self, count): ...\n", "local.py": "class Right: ...\n"})
    return folder


@pytest.fixture(scope="module")
def index(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    made = Index([root], storage=tmp_path_factory.mktemp("storage"), limits=LIMITS)
    made.start()
    assert made.wait(60, libraries=True)
    yield made
    made.close()


def open_at(index: Index, root: Path, code: str, *, libraries: bool = True, language: str = "python") -> DocumentNames:
    """Return the names at the cursor `$0` of a new file with the text `code`."""
    name = "main.py" if language == "python" else "main.ts"
    marked = parse(f"#- {name}\n{code}\n")
    assert marked.cursor is not None
    path = root / name
    document = Document(path.as_uri(), path, language, marked.text)
    names = index.open_names(document, marked.cursor[1], libraries=libraries)
    assert names is not None
    return names


def list_members(index: Index, root: Path, code: str) -> list[str]:
    """Return the members of the receiver before the cursor."""
    receiver = open_at(index, root, code).find_receiver()
    assert receiver is None or not receiver.is_complete
    return [each.name for each in receiver.members] if receiver is not None else []


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ("import client\nanswer = client.fetch('a')\nanswer.$0", ["status", "read", "json"]),
        ("from client import Session\nSession().$0", ["__enter__", "get", "close"]),
        ("import client\nclient.$0", ["fetch", "Session"]),
        ("from client import Hidden\nHidden().$0", []),
        ("import client.sessions\nclient.sessions.Session().$0", ["__enter__", "get", "close"]),
        ("from client import fast\nfast.quick('').$0", ["status", "read", "json"]),
        ("import untyped\nuntyped.build('').$0", ["run"]),
        ("from spread import two\ntwo.Two().$0", ["second"]),
        ("from spread.one import One\nOne().$0", ["first"]),
        ("from client import Session\nclass A(Session):\n    a = 1\nA().$0", ["a", "__enter__", "get", "close"]),
        ("import untold\nuntold.sphinx().$0", ["read"]),
        ("import untold\nuntold.sphinx_here().$0", ["run"]),
        ("import untold\nuntold.numpy().$0", ["run"]),
        ("import untold\nuntold.google().$0", ["run"]),
        ("import untold\nuntold.prose().$0", []),
        ("import missing\nmissing.make().$0", []),
        ("from client.sessions import helper\nhelper.$0", []),
    ],
)  # fmt: skip
def test_members_of_objects_of_libraries_are_known(index: Index, root: Path, code: str, members: list[str]) -> None:
    assert list_members(index, root, code) == members


def test_a_member_has_the_name_by_which_it_is_used(index: Index, root: Path) -> None:
    assert list_members(index, root, "import renaming\nrenaming.$0") == ["part", "made"]


def test_a_name_of_the_workspace_is_never_looked_up_in_libraries(index: Index, root: Path) -> None:
    assert open_at(index, root, "from local import Right\nRight$0()").find_definitions()[0].relative == "local.py"
    assert open_at(index, root, "from local import Wrong\nWrong$0()").find_definitions() == ()


def test_a_class_with_an_empty_base_of_a_library_has_no_other_members(index: Index, root: Path) -> None:
    def is_complete(base: str) -> bool:
        code = f"from abc import ABC\nfrom client import Session\nclass A({base}):\n    a = 1\nA().$0"
        receiver = open_at(index, root, code).find_receiver()
        assert receiver is not None
        return receiver.is_complete

    assert is_complete("ABC")
    assert not is_complete("Session")


def test_the_arguments_that_a_function_of_a_library_takes_are_known(index: Index, root: Path) -> None:
    call = open_at(index, root, "import client\nclient.fetch($0)").find_call()
    assert call is not None
    assert [(each.name, each.kind) for each in call.parameters] == [
        ("url", "any"), ("timeout", "keyword"), ("retries", "keyword"),
    ]  # fmt: skip
    call = open_at(index, root, "from functools import reduce\nreduce($0)").find_call()
    assert call is not None
    assert [each.name for each in call.parameters] == ["function", "sequence"]


def test_the_keywords_that_a_type_lists_are_arguments(index: Index, root: Path) -> None:
    call = open_at(index, root, "import models\nmodels.send('a', $0)").find_call()
    assert call is not None
    assert [(each.name, each.is_required) for each in call.parameters] == [
        ("tries", False), ("wait", False), ("options", False),
    ]  # fmt: skip


def test_a_model_takes_its_fields_whatever_the_constructor_of_the_library_takes(index: Index, root: Path) -> None:
    code = "from models import BaseModel\nclass User(BaseModel):\n    name: str\n    age: int = 0\nUser($0)"
    call = open_at(index, root, code).find_call()
    assert call is not None
    assert [(each.name, each.is_required) for each in call.parameters] == [("name", True), ("age", False)]


def test_only_who_asks_for_libraries_gets_them(index: Index, root: Path) -> None:
    code = "import client\nclient.fetch$0('a')"
    assert open_at(index, root, code, libraries=False).find_definitions() == ()
    found = open_at(index, root, code).find_definitions()
    assert [(each.relative, each.qualified, each.is_library) for each in found] == [("client/api.py", "fetch", True)]


def test_related_definitions_and_those_of_names_are_of_the_workspace_alone(index: Index, root: Path) -> None:
    text = "import client\nfrom own import Thing\n\nThing().act(1)\nclient.fetch('a')\n"
    document = Document((root / "main.py").as_uri(), root / "main.py", "python", text)
    related = index.find_related_definitions(document, len(text))
    assert {hit.relative for hit in related} == {"own.py"}
    assert index.find_definitions(["fetch", "Session"], document=document) == ()
    used = index.find_used_library_definitions(document, len(text), limit=2)
    assert [(hit.relative, hit.name, hit.is_library) for hit in used] == [("client/api.py", "fetch", True)]
    assert used[0].path == root / ".venv/lib/python3.11/site-packages/client/api.py"
    assert used[0].text == used[0].path.read_text()[slice(*_find(used[0].path.read_text(), used[0].text))]
    assert index.find_used_library_definitions(document, len(text), limit=0) == ()


def _find(text: str, part: str) -> tuple[int, int]:
    """Return where `part` begins and ends in `text`."""
    return text.index(part), text.index(part) + len(part)


def test_a_qualified_name_of_a_library_is_found_where_the_workspace_has_none(index: Index, root: Path) -> None:
    found = index.find_qualified("client.Session.get")
    assert [(hit.relative, hit.name, hit.is_library) for hit in found] == [("client/sessions.py", "Session.get", True)]
    assert index.find_qualified("Session.get") == ()
    assert [hit.relative for hit in index.find_qualified("local.Right")] == ["local.py"]


def test_a_question_that_has_to_be_quick_does_not_list_the_libraries(index: Index, root: Path) -> None:
    code = "import client\nclient.$0"
    names = index._load_sources().names
    known, names._libraries = names._libraries, {}
    try:
        path = root / "main.py"
        document = Document(path.as_uri(), path, "python", "import client\nclient.")
        hurried = index.open_names(document, len(document.text), deadline=time.monotonic() + 5, libraries=True)
        assert hurried is not None
        receiver = hurried.find_receiver()
        assert receiver is None or receiver.members == ()
        assert names._libraries == {}
        assert list_members(index, root, code)
    finally:
        names._libraries = known


def test_each_root_sees_its_own_environment_alone(make_index: Callable[..., Index], tmp_path: Path) -> None:
    for name in ("one", "two"):
        install(make_environment(tmp_path / name / ".venv"), name, {f"{name}.py": f"class Of{name}: ...\n"})
        write(tmp_path / name, {"pyproject.toml": ""})
    index = make_index(tmp_path / "one", tmp_path / "two", limits=LIMITS)
    assert index.wait(60, libraries=True)

    def find(root: str, library: str) -> list[str]:
        found = open_at(index, tmp_path / root, f"import {library}\n{library}.Of{library}$0()").find_definitions()
        return [each.relative for each in found]

    assert find("one", "one") == ["one.py"]
    assert find("two", "two") == ["two.py"]
    assert find("one", "two") == find("two", "one") == []


def test_segments_that_are_closed_meanwhile_leave_the_answer_complete(
    make_index: Callable[..., Index], root: Path
) -> None:
    index = make_index(root, limits=LIMITS)
    assert index.wait(60, libraries=True)
    names = open_at(index, root, "import client\nclient.fetch('a').$0")
    index.close()
    receiver = names.find_receiver()
    assert receiver is not None
    assert [each.name for each in receiver.members] == ["status", "read", "json"]


def test_declarations_are_read_for_names_and_never_recalled(make_index: Callable[..., Index], tmp_path: Path) -> None:
    stub = "def quick(url: str, retries: int = ...) -> Answer: ...\n"
    install(make_environment(tmp_path / ".venv"), "fast", {"fast.pyi": stub})
    write(tmp_path, {"own.py": "import fast\n"})
    index = make_index(tmp_path, limits=LIMITS)
    assert index.wait(60, libraries=True)
    before = "def quick(url: str, "
    assert index.recall(Document("untitled:a", None, "python", before), len(before)) == ()
    assert open_at(index, tmp_path, "import fast\nfast.quick$0('')").find_definitions()[0].relative == "fast.pyi"


MODULES = {
    "http-kit/package.json": '{"name": "http-kit", "version": "1.0.0", "exports": {".": {"types": "./dist/index.d.ts",'
    ' "default": "./dist/index.js"}, "./more": "./dist/more.js"}}',
    "http-kit/dist/index.d.ts": 'export * from "./client";\nexport { default as make } from "./make.js";\n',
    "http-kit/dist/client.d.ts": (
        'import { Base } from "base-kit";\nexport interface Answer { status: number; json(): Promise<string>; }\n'
        "export declare class Client extends Base {\n    get(url: string, retries?: number): Promise<Answer>;\n}\n"
    ),
    "http-kit/dist/make.d.ts": (
        'import { Client } from "./client";\nexport default function make(base: string): Client;\n'
    ),
    "http-kit/dist/more.d.ts": "export declare const limit: Limit;\nexport interface Limit { most: number; }\n",
    "http-kit/dist/index.js": "module.exports = {};\n",
    "many-kit/package.json": '{"name": "many-kit", "version": "1.0.0", "types": "index.d.ts"}',
    "many-kit/index.d.ts": "".join(f'export * from "./f{number}.js";\n' for number in range(500)),
    **{f"many-kit/f{n}.d.ts": f"export function f{n}(count{n}: number): void;\n" for n in range(500)},
    "base-kit/package.json": '{"name": "base-kit", "version": "1.0.0", "main": "lib/main.js"}',
    "base-kit/lib/main.js": "exports.Base = class Base {};\n",
    "@types/base-kit/package.json": '{"name": "@types/base-kit", "version": "1.0.0", "types": "index.d.ts"}',
    "@types/base-kit/index.d.ts": "export declare class Base {\n    close(): void;\n}\n",
    "@types/scope__tool/package.json": '{"name": "@types/scope__tool", "version": "1.0.0"}',
    "@types/scope__tool/index.d.ts": (
        "export declare function run(count: number): Runner;\nexport interface Runner { stop(): void; }\n"
    ),
}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Index, Path]]:
    root = tmp_path_factory.mktemp("scripts")
    write(root / "node_modules", MODULES)
    write(
        root, {"package.json": '{"name": "mine", "dependencies": {"http-kit": "1"}}', "own.ts": "export const a = 1;\n"}
    )
    made = Index([root], storage=tmp_path_factory.mktemp("storage"), limits=LIMITS)
    made.start()
    assert made.wait(60, libraries=True)
    yield made, root
    made.close()


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ('import { Client } from "http-kit";\nconst it = new Client();\nit.$0', ["get", "close"]),
        ('import { make } from "http-kit";\nmake("a").$0', ["get", "close"]),
        (
            'import { Client } from "http-kit";\nasync function f(it: Client) {\n  (await it.get("a")).$0\n}',
            ["status", "json"],
        ),
        ('import { limit } from "http-kit/more";\nlimit.$0', ["most"]),
        ('import * as kit from "http-kit";\nkit.make("a").$0', ["get", "close"]),
        ('import { run } from "@scope/tool";\nrun(1).$0', ["stop"]),
        ('import { missing } from "none";\nmissing().$0', []),
    ],
)
def test_members_of_packages_of_node_are_known(scripts: tuple[Index, Path], code: str, members: list[str]) -> None:
    receiver = open_at(*scripts, code, language="typescript").find_receiver()
    assert ([each.name for each in receiver.members] if receiver is not None else []) == members


def test_the_arguments_that_a_function_of_a_package_of_node_takes_are_known(scripts: tuple[Index, Path]) -> None:
    code = 'import { Client } from "http-kit";\nnew Client().get($0)'
    call = open_at(*scripts, code, language="typescript").find_call()
    assert call is not None
    assert [(each.name, each.is_required) for each in call.parameters] == [("url", True), ("retries", False)]
    found = call.callees[0]
    assert (found.relative, found.is_library) == ("node_modules/http-kit/dist/client.d.ts", True)
    hits = scripts[0].read_definitions([found])
    assert [hit.path for hit in hits] == [scripts[1] / found.relative]


def test_one_of_hundreds_of_modules_that_a_package_exports_again_is_found(scripts: tuple[Index, Path]) -> None:
    names = open_at(*scripts, 'import { f7 } from "many-kit";\nf7($0)', language="typescript")
    call = names.find_call()
    assert call is not None
    assert [each.name for each in call.parameters] == ["count7"]
