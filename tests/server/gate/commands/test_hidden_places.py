"""Places that commands may not read: in the home folder and in a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.limits import IndexLimits
from server.gate.commands import hidden_places
from server.gate.commands.hidden_places import WorkspaceSearch, list_personal_places
from tests import marked

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KEY = "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n"


def find_names(root: Path, source: str, limits: IndexLimits | None = None) -> list[str]:
    """Return the hidden places of a workspace with the files of `source` (`tests.marked`), relative to it."""
    marked.parse(source).write(root)
    found = WorkspaceSearch(limits or IndexLimits()).find((root,))
    assert found.complete
    return [path.relative_to(root).as_posix() for path in found.hidden]


def test_secrets_are_found_by_name_folder_and_content(tmp_path: Path) -> None:
    source = f"#- .env\nA=1\n#- sub/.aws/credentials\nx\n#- sub/notes.txt\n{KEY}\n#- main.py\nprint(1)\n"
    assert find_names(tmp_path, source.replace("\\n", "\n")) == [".env", "sub/.aws", "sub/notes.txt"]


def test_files_that_a_person_excludes_are_hidden(tmp_path: Path) -> None:
    source = "#- .starlingignore\nprivate/\n*.txt\n#- private/a.py\n1\n#- b.txt\nx\n#- c.sql\nx\n#- d.py\n1\n"
    limits = IndexLimits(exclude=("*.sql",))
    assert find_names(tmp_path, source, limits) == ["b.txt", "c.sql", "private"]


def test_ignored_files_stay_readable_but_secrets_among_them(tmp_path: Path) -> None:
    source = "#- .gitignore\nout/\n#- out/app.js\n1\n#- out/.env\nA=1\n"
    assert find_names(tmp_path, source) == ["out/.env"]


def test_installed_packages_are_not_searched(tmp_path: Path) -> None:
    assert find_names(tmp_path, "#- node_modules/x/cacert.pem\nx\n#- .venv/pyvenv.cfg\nx\n#- .venv/.env\nx\n") == []


def test_a_link_is_followed_to_the_file_that_it_hides(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("A=1")
    (tmp_path / ".env").symlink_to("real.txt")
    assert find_names(tmp_path, "#- a.py\n1\n") == ["real.txt"]


def test_repositories_are_found_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    found = WorkspaceSearch(IndexLimits()).find((tmp_path,))
    assert [path.relative_to(tmp_path).as_posix() for path in found.repositories] == [".git", "sub/.git"]


def test_settings_of_a_repository_with_a_login_are_hidden(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text('[remote "origin"]\n\turl = https://me:s3cr3tpw9@host.example/x.git\n')
    assert find_names(tmp_path, "#- a.py\n1\n") == [".git/config"]
    (tmp_path / ".git" / "config").write_text('[remote "origin"]\n\turl = https://host.example/x.git\n')
    assert find_names(tmp_path, "#- a.py\n1\n") == []


def test_a_workspace_beyond_the_bounds_is_said_to_be_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hidden_places, "MOST_ENTRIES", 2)
    marked.parse("#- a.py\n1\n#- b.py\n1\n#- c.py\n1\n").write(tmp_path)
    assert not WorkspaceSearch(IndexLimits()).find((tmp_path,)).complete


def test_the_persons_secrets_are_listed_where_they_exist(tmp_path: Path) -> None:
    own = tmp_path / "own"
    for name in (".ssh", ".aws", ".config/gh", ".config/other", "own"):
        (tmp_path / name).mkdir(parents=True)
    for name in (".netrc", ".npmrc", ".profile"):
        (tmp_path / name).touch()
    found = list_personal_places(str(tmp_path), [own, tmp_path / "missing"])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == [".aws", ".config/gh", ".netrc", ".npmrc", ".ssh", "own"]
