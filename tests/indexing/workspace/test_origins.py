"""The paths that a URI stands for, whatever its scheme; and what a URI of each scheme may be used for."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from indexing.index import Index
from indexing.workspace.origins import find_origins, is_plain
from server.lsp.conversion import incoming
from tests.server.messages import item_of

QUERY = quote(json.dumps({"path": "/ws/sub/.env", "ref": "~"}))
OF_ENV = [
    f"git:/ws/sub/.env?{QUERY}",
    f"git:/ws/sub/other.git?{QUERY}",
    'git:/ws/sub/other.py?{"path":"/ws/sub/.env","ref":"HEAD"',
    'gitfs:/ws/sub/.env?{"ref":"HEAD"}',
    "gitlens://7b22726566223a22227d/ws/sub/.env?%7B%22ref%22%3A%22abc%22%7D",
    "fugitive:///ws/.git//0123456789abcdef0123456789abcdef01234567/sub/.env",
    "fugitive:///ws/.git//0/sub/.env",
    "fugitive:///ws/.git/worktrees/other//2/sub/.env",
    "diffview:///ws/.git/:0:/sub/.env",
    "diffview:///ws/.git/0123456/sub/.env",
    "gitsigns:///ws/.git//HEAD~1:sub/.env",
    "gitsigns:///ws/.git//:0:sub/.env",
    "vscode-local-history:/ws/sub/.env?%7B%22id%22%3A%22x.env%22%7D",
    "vscode-remote://ssh-remote%2Bhost/ws/sub/.env",
    "vscode-notebook-cell:/ws/sub/.env#W0sZmlsZQ%3D%3D",
    "untitled:/ws/sub/.env",
    "conflictResolution:/ws/sub/.env",
    "pr:/ws/sub/x.py?%7B%22fileName%22%3A%22%2Fws%2Fsub%2F.env%22%7D",
    "hg:/ws/a.py?path=/ws/sub/.env&rev=1",
    "file:///ws/sub/%252Eenv",
    "file:///ws/sub%5C.env",
    "FILE:///ws/sub/.env",
    "x-unheard-of:/ws/sub/.env",
    "x-unheard-of:/ws/sub/.env@0123abc",
    "x-unheard-of:/ws/sub/.env%40main",
    "x-unheard-of:/ws/sub/.env@@/main/3",
    "x-unheard-of:/ws/sub/.env;v=3",
    "x-unheard-of:/ws/sub/.env~HEAD",
    "x-unheard-of:///ws/sub/.env (Working Tree)",
    "x-unheard-of:/ws/sub/.env,v",
    "x-unheard-of:%2Fws%2Fsub%2F.env",
    "review:file:///ws/sub/.env",
    "git:%5Cws%5Csub%5C.env",
]
BY_NAME = [
    "octo://owner/repo/pull/1/file/RIGHT/sub/.env",
    "zipfile:///ws/a.zip::sub/.env",
    "jar:file:///ws/a.jar!/sub/.env",
    "review:.env?{}",
    'pr:/ws/x?{"fileName":".env"}',
    "untitled:.env",
    "file:.env",
    "git:/c%3A/ws/.env",
    "oil:///ws/.ssh/config",
    "file:///ws/.env.",
    "file:///ws/.env%20",
    "git:///ws/.env%00.py",
]
PATHLESS = ["untitled:Untitled-1", "output:extension-output-ms#1", "buffer://", "file://[", "", "walkThrough:editor"]


@pytest.mark.parametrize("uri", OF_ENV)
def test_the_file_is_found_whatever_the_scheme(uri: str) -> None:
    assert Path("/ws/sub/.env") in find_origins(uri)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("ws")
    (root / ".gitignore").write_text("/private/\n*.local.py\n*.local.ipynb\n")
    (root / "private").mkdir()
    (root / "private" / "a.py").write_text("x = 1\n")
    (root / "a.py").write_text("x = 1\n")
    return Index([root], storage=tmp_path_factory.mktemp("storage"))


@pytest.mark.parametrize("uri", [*OF_ENV, *BY_NAME])
def test_a_secret_is_withheld_by_any_name(index: Index, uri: str) -> None:
    document = incoming.build_document(item_of(uri)).record
    assert (index.find_withholding_reason(document), index.is_shared(document)) == ("secret", False)


@pytest.mark.parametrize(
    "uri",
    [
        "git:{root}/private/a.py?%7B%22path%22%3A%22{root}%2Fprivate%2Fa.py%22%7D",
        "fugitive://{root}/.git//0/private/a.py",
        "diffview://{root}/.git/0123456/private/a.py",
        "untitled:{root}/private/new.py",
        "octo://owner/repo/pull/1/file/LEFT/private/a.py",
        "review:private/a.py?{{}}",
        "zipfile://{root}/private/a.zip::b.py",
        "git:{root}/x.local.py?{{}}",
        "gitsigns://{root}/.git//feature/x:private/a.py",
        "chat-editing-text-model:/session/1/original{root}/private/a.py",
    ],
)
def test_an_ignored_file_is_withheld_by_any_name(index: Index, uri: str) -> None:
    document = incoming.build_document(item_of(uri.format(root=index._roots[0].as_posix()))).record
    assert (index.find_withholding_reason(document), index.is_shared(document)) == ("ignored", False)


@pytest.mark.parametrize("uri", PATHLESS)
def test_what_has_no_path_is_shown_when_it_is_asked_about_and_never_with_others(index: Index, uri: str) -> None:
    document = incoming.build_document(item_of(uri)).record
    assert (document.path, index.find_withholding_reason(document), index.is_shared(document)) == (None, "", False)


@pytest.mark.parametrize("scheme", ["git", "vscode-local-history", "untitled", "review", "zipfile", "vscode-remote"])
def test_another_version_of_an_open_file_is_never_shown_with_others(index: Index, scheme: str) -> None:
    path = index._roots[0] / "a.py"
    version = incoming.build_document(item_of(f"{scheme}:{path.as_posix()}?%7B%7D")).record
    own = incoming.build_document(item_of(path.as_uri())).record
    assert (index.find_withholding_reason(version), index.is_shared(version)) == ("", False)
    assert (index.find_withholding_reason(own), index.is_shared(own)) == ("", True)


def test_a_file_of_no_folder_is_shown_only_when_it_is_asked_about(index: Index, tmp_path: Path) -> None:
    document = incoming.build_document(item_of((tmp_path / "a.py").as_uri())).record
    assert (index.find_withholding_reason(document), index.is_shared(document)) == ("", False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("private/n.ipynb", "ignored"), ("n.local.ipynb", "ignored"), ("secrets.yaml", "secret"), ("n.ipynb", "")],
)
def test_a_cell_stands_for_its_notebook(index: Index, name: str, reason: str) -> None:
    notebook = (index._roots[0] / name).as_uri()
    cell = incoming.build_document(item_of("vscode-notebook-cell:/n#1"), notebook=notebook).record
    assert (index.find_withholding_reason(cell), index.is_shared(cell)) == (reason, not reason)


@pytest.mark.parametrize("text", ["print(1)\n", "-----BEGIN PRIVATE KEY-----\nMIIEowIBAAKCAQEAx7Zk2vTq9l0\n"])
def test_outputs_of_notebooks_and_keys_in_any_text_are_withheld(index: Index, text: str) -> None:
    output = incoming.build_document(item_of("vscode-notebook-cell-output:/ws/n.ipynb?outputId=1#W0")).record
    assert index.find_withholding_reason(output) == "notebook output"
    named = incoming.build_document(item_of("untitled:Untitled-1", text)).record
    assert index.find_withholding_reason(named) == ("secret" if "KEY" in text else "")


def test_a_version_of_a_module_of_secrets_is_judged_by_its_own_text(index: Index) -> None:
    uri = f"git:{index._roots[0].as_posix()}/credentials.py?%7B%7D"
    assert (
        index.find_withholding_reason(incoming.build_document(item_of(uri, 'KEY = "AKIAIOSFODNN7EXAMPLE"\n')).record)
        == "secret"
    )
    assert index.find_withholding_reason(incoming.build_document(item_of(uri, "def load(): ...\n")).record) == ""


def test_a_relative_path_is_not_looked_up_where_the_program_runs(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(index._roots[0] / "private")
    assert index.find_exclusion_reason(Path("a.py")) == "no file"
    assert index.find_exclusion_reason(Path("private/a.py")) == "ignored"


def test_hostile_uris_end_soon() -> None:
    hostile = ["git:/" + "a/" * 50_000, "x:" * 50_000, 'git:/a?{"' + "[" * 50_000, "git:/a?" + "%25" * 50_000]
    hostile += ["a::" * 9000, "a:" + "/.git" * 9000, "a:" + "/RIGHT" * 9000, "a:/b?" + "c=/d&" * 9000]
    assert all(len(find_origins(uri)) <= 24 for uri in hostile)


def test_ordinary_uris_are_told_apart_cheaply() -> None:
    assert is_plain("file:///home/me/a%20b.py")
    assert is_plain("file:///c%3A/work/a.py")
    assert not is_plain("file:///home/me/%2Eenv")
    for hidden in ("/w/.env%20", "/w/.env::$DATA", "//jar:file:///w/.env", "/w/.env./a", "/w/.env.", "/jar:a!/b"):
        assert not is_plain(f"file://{hidden}")
