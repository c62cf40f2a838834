"""Code is read from what registries give, with the licence that the package states, and never what a build made."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from models.training.corpus import is_worth_learning
from models.training.languages import is_sound
from models.training.sources import Pinned, SourceFile, file_of, read_card, read_package, read_tarball

CODE = "export function add(one, other) {\n  return one + other;\n}\n"


def tarball(folder: Path, files: dict[str, str], *, name: str = "adder-1.2.3.tgz") -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        for member, text in files.items():
            about = tarfile.TarInfo(f"package/{member}")
            about.size = len(text.encode())
            archive.addfile(about, io.BytesIO(text.encode()))
    return path


def test_an_npm_package_gives_its_sources_and_licence(tmp_path: Path) -> None:
    about = json.dumps({"name": "@own/adder", "license": "(MIT OR GPL-2.0)"})
    built = {f"{folder}/add.js": CODE for folder in ("dist", "lib/umd", "node_modules/other", "vendor")}
    path = tarball(
        tmp_path,
        {"package.json": about, "src/add.ts": CODE, "add.min.js": CODE, "add.d.ts": CODE, "README.md": "x", **built},
    )
    assert list(read_tarball(path)) == [SourceFile("@own/adder", "@own/adder/src/add.ts", CODE, "mit")]


@pytest.mark.parametrize("licence", ["GPL-3.0", "SEE LICENSE IN FILE", "", None, {"type": "MIT"}])
def test_an_npm_package_without_a_permissive_spdx_licence_counts_as_unknown(tmp_path: Path, licence: object) -> None:
    path = tarball(tmp_path, {"package.json": json.dumps({"name": "adder", "license": licence}), "add.js": CODE})
    assert [file.licence for file in read_tarball(path)] == [""]


def test_a_packages_archive_is_found_by_registry_and_name(tmp_path: Path) -> None:
    for name in ("adder-1.2.3.tgz", "adder-more-2.0.0.tgz", "own-adder-3.0.0.tgz", "Adder-1.0-py3-none-any.whl"):
        (tmp_path / name).touch()
    found = {
        Pinned("adder", registry="npm"): "adder-1.2.3.tgz",
        Pinned("adder-more", registry="npm"): "adder-more-2.0.0.tgz",
        Pinned("@own/adder", registry="npm"): "own-adder-3.0.0.tgz",
        Pinned("adder"): "Adder-1.0-py3-none-any.whl",
    }
    assert {package: path.name for package in found if (path := file_of(package, tmp_path))} == found
    assert file_of(Pinned("absent"), tmp_path) is None
    assert file_of(Pinned("adder", "1.2.3", "npm"), tmp_path) == tmp_path / "adder-1.2.3.tgz"
    assert file_of(Pinned("adder", "1.2", "npm"), tmp_path) is None
    assert file_of(Pinned("adder", "1.1"), tmp_path) is None


def test_a_wheel_is_read_through_the_same_door(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "adder-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("adder-1.0.dist-info/METADATA", "Name: adder\nLicense-Expression: MIT\n")
        archive.writestr("adder.py", "def add(): ...\n")
    files = list(read_package(Pinned("adder"), tmp_path))
    assert [(file.path, file.licence) for file in files] == [("adder.py", "mit")]
    assert not list(read_package(Pinned("absent"), tmp_path))


def test_a_card_names_registries_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    card = tmp_path / "packages.csv"
    card.write_text("package,version,registry\nkoa,3.0,npm\nblack,25.1,\n", encoding="utf-8")
    assert [package.requirement for package in read_card(card)] == ["koa@3.0", "black==25.1"]
    card.write_text("package,version,registry\nkoa,3.0,attic\n", encoding="utf-8")
    with pytest.raises(ValueError, match="attic"):
        read_card(card)


@pytest.mark.parametrize(
    ("path", "text", "sound"),
    [
        ("a.py", "x = 1\n", True),
        ("a.py", "x = = 1\n", False),
        ("a.js", CODE, True),
        ("a.js", "function (", False),
        ("a.ts", "const x: number = 1;\n", True),
        ("a.js", "const x: number = 1;\n", False),
        ("a.tsx", "const x = <b>{1}</b>;\n", True),
        ("a.md", "words", False),
    ],
)
def test_each_language_is_parsed_by_its_own_grammar(path: str, text: str, *, sound: bool) -> None:
    assert is_sound(path, text) is sound


def test_javascript_is_worth_learning_when_it_parses() -> None:
    assert is_worth_learning(SourceFile("adder", "add.js", 5 * CODE, "mit"))
    assert not is_worth_learning(SourceFile("adder", "add.js", 5 * CODE + "}", "mit"))
