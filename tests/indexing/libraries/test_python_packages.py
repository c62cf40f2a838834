"""Finding Python's environments and what is installed in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from indexing.libraries.python_packages import (
    find_environment,
    find_python_packages,
    read_declared_names,
)
from tests.indexing.libraries.environments import install, make_environment, write

if TYPE_CHECKING:
    from pathlib import Path


def list_files(root: Path, environ: dict[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return the files of each package that the workspace `root` can use, by the package's name."""
    environment = find_environment(root, environ or {})
    assert environment is not None
    return {package.name: package.files for package in find_python_packages(environment)}


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_the_environment_in_the_workspace_is_found_with_its_packages_and_the_standard_library(
    tmp_path: Path, name: str
) -> None:
    root = tmp_path / "root"
    install(make_environment(root / name), "Some_Thing", {"some/thing.py": "x = 1\n", "some/data.json": "{}"})
    found = list_files(root)
    assert found["some-thing"] == ("some/thing.py",)
    assert found["stdlib"] == ("abc.py", "functools.py", "os.py", "site.py")


def test_the_environment_of_the_repository_around_the_workspace_is_found(tmp_path: Path) -> None:
    install(make_environment(tmp_path / "repository" / ".venv"), "thing", {"thing.py": ""})
    root = write(tmp_path / "repository" / "part", {"a.py": ""})
    (tmp_path / "repository" / ".git").mkdir()
    assert list_files(root)["thing"] == ("thing.py",)


def test_no_environment_is_looked_for_above_the_repository(tmp_path: Path) -> None:
    make_environment(tmp_path / ".venv")
    root = write(tmp_path / "repository", {"a.py": ""})
    (root / ".git").mkdir()
    assert find_environment(root, {}) is None


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_active_environment_is_used_if_the_workspace_has_none(tmp_path: Path, variable: str) -> None:
    active = make_environment(tmp_path / "elsewhere" / "env")
    install(active, "thing", {"thing.py": ""})
    root = write(tmp_path / "root", {"a.py": ""})
    assert list_files(root, {variable: str(active)})["thing"] == ("thing.py",)


def test_a_project_without_an_environment_gets_the_standard_library_alone(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"pyproject.toml": "[project]\nname = 'own'\n"})
    found = list_files(root)
    assert "json/decoder.py" in found["stdlib"]
    assert not any("site-packages" in path or "/test/" in f"/{path}" for path in found["stdlib"])
    assert set(found) == {"stdlib", "stdlib-tests"}


def test_a_folder_that_is_no_python_project_has_no_environment(tmp_path: Path) -> None:
    assert find_environment(write(tmp_path / "root", {"a.js": ""}), {}) is None


def test_a_package_in_editable_mode_is_no_library(tmp_path: Path) -> None:
    root = tmp_path / "root"
    install(make_environment(root / ".venv"), "mine", {"__editable___mine_finder.py": "", "mine.py": ""}, editable=True)
    assert "mine" not in list_files(root)


@pytest.mark.parametrize("path", ["../../../../secret.py", "/etc/secret.py", "a/../../b.py", "C:/secret.py"])
def test_a_record_cannot_name_files_outside_of_its_folder(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    packages = install(make_environment(root / ".venv"), "thing", {"thing.py": ""})
    with (packages / "thing-1.0.dist-info" / "RECORD").open("a") as record:
        record.write(f"{path},,\n")
    assert list_files(root)["thing"] == ("thing.py",)


def test_a_package_without_a_record_is_found_by_its_modules(tmp_path: Path) -> None:
    root = tmp_path / "root"
    packages = install(make_environment(root / ".venv"), "thing", {"thing/a.py": "", "thing/b/c.py": ""})
    (packages / "thing-1.0.dist-info" / "RECORD").unlink()
    write(packages / "thing-1.0.dist-info", {"top_level.txt": "thing\n../other\n"})
    assert list_files(root)["thing"] == ("thing/a.py", "thing/b/c.py")


def test_damaged_descriptions_are_passed_over(tmp_path: Path) -> None:
    root = tmp_path / "root"
    packages = install(make_environment(root / ".venv"), "thing", {"thing.py": ""})
    write(packages, {"broken-1.dist-info/RECORD": "broken.py,,\n"})
    (packages / "other-1.dist-info").mkdir()
    (packages / "other-1.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00")
    assert set(list_files(root)) == {"stdlib", "thing", "stdlib-tests"}


def test_declared_packages_are_read_from_the_project_and_its_requirements(tmp_path: Path) -> None:
    project = """
[project]
name = "My.Own"
dependencies = ["Requests>=2", "numpy[extra]; python_version > '3'"]
[project.optional-dependencies]
more = ["rich"]
[dependency-groups]
dev = ["pytest"]
"""
    write(tmp_path, {"pyproject.toml": project, "requirements-dev.txt": "# comment\nruff==1\n-r other.txt\n"})
    assert read_declared_names(tmp_path) == ("my-own", {"requests", "numpy", "rich", "pytest", "ruff"})


def test_a_project_file_that_is_no_toml_declares_nothing(tmp_path: Path) -> None:
    assert read_declared_names(write(tmp_path, {"pyproject.toml": "["})) == ("", set())
