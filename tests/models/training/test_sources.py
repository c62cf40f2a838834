"""Source files of downloaded packages, with the licence that the package states, and without built files."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from models.training import debian
from models.training.corpus import is_suitable
from models.training.languages import is_parsable
from models.training.sources import Pinned, SourceFile, download, find_archive, read_card, read_package, read_tarball

CODE = "export function add(one, other) {\n  return one + other;\n}\n"


def write_tarball(folder: Path, files: dict[str, str], *, name: str = "adder-1.2.3.tgz") -> Path:
    """Write an npm package with `files` by path; return its path."""
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
    path = write_tarball(
        tmp_path,
        {"package.json": about, "src/add.ts": CODE, "add.min.js": CODE, "add.d.ts": CODE, "README.md": "x", **built},
    )
    assert list(read_tarball(path)) == [SourceFile("@own/adder", "@own/adder/src/add.ts", CODE, "mit")]


@pytest.mark.parametrize("licence", ["GPL-3.0", "SEE LICENSE IN FILE", "", None, {"type": "MIT"}])
def test_an_npm_package_without_a_permissive_spdx_licence_counts_as_unknown(tmp_path: Path, licence: object) -> None:
    path = write_tarball(tmp_path, {"package.json": json.dumps({"name": "adder", "license": licence}), "add.js": CODE})
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
    assert {package: path.name for package in found if (path := find_archive(package, tmp_path))} == found
    assert find_archive(Pinned("absent"), tmp_path) is None
    assert find_archive(Pinned("adder", "1.2.3", "npm"), tmp_path) == tmp_path / "adder-1.2.3.tgz"
    assert find_archive(Pinned("adder", "1.2", "npm"), tmp_path) is None
    assert find_archive(Pinned("adder", "1.1"), tmp_path) is None


def test_a_wheel_is_read_by_the_same_function(tmp_path: Path) -> None:
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
        ("a.c", "int add(int one) { return one; }\n", True),
        ("a.h", "int add(int one);\n", True),
        ("a.go", "package add\n\nfunc Add(one int) int { return one }\n", True),
        ("a.rs", "pub fn add(one: u8) -> u8 { one }\n", True),
        ("a.rs", "int add(int one) { return one; }\n", False),
        ("a.java", "class Add { int add(int one) { return one; } }\n", True),
        ("a.md", "words", False),
    ],
)
def test_each_language_is_parsed_by_its_own_grammar(path: str, text: str, *, sound: bool) -> None:
    assert is_parsable(path, text) is sound


def test_javascript_is_suitable_if_it_parses() -> None:
    assert is_suitable(SourceFile("adder", "add.js", 5 * CODE, "mit"))
    assert not is_suitable(SourceFile("adder", "add.js", 5 * CODE + "}", "mit"))


def write_source_package(
    folder: Path, files: dict[str, str], copyright_text: str, *, below: str = "adder-1.2/"
) -> None:
    """Write the files of Debian's source package `adder` 1:1.2-3, with `files` by path in the folder `below`."""
    for name, top, members in (
        ("adder_1.2.orig.tar.gz", below, files),
        ("adder_1.2-3.debian.tar.xz", "debian/", {"copyright": copyright_text}),
    ):
        with tarfile.open(folder / name, f"w:{name.rpartition('.')[2]}") as archive:
            for member, text in members.items():
                about = tarfile.TarInfo(top + member)
                about.size = len(text.encode())
                archive.addfile(about, io.BytesIO(text.encode()))
    (folder / "adder_1.2.orig.tar.gz.asc").touch()
    (folder / "adder-more_1.2-3.debian.tar.xz").touch()


COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020 Some One
License: Expat
 Permission is hereby granted

Files: lib/*/tree.h
 lib/list.c
Copyright: 2020 Some Other
License: GPL-2+
 You may

Files: lib/both.c
License: GPL-2+ or Apache-2.0

Files: debian/*
License: GPL-3
"""


def test_a_source_package_gives_each_file_the_licence_that_names_it(tmp_path: Path) -> None:
    code = "int add(int one, int other) { return one + other; }\n"
    paths = ("add.c", "lib/deep/er/tree.h", "lib/list.c", "lib/both.c", "vendor/other.c", "README")
    write_source_package(tmp_path, dict.fromkeys(paths, code), COPYRIGHT)
    for version in ("1:1.2-3", "1.2-3", ""):
        package = Pinned("adder", version, "debian-source")
        found = {file.path: file.licence for file in read_package(package, tmp_path)}
        assert found == {
            "adder/add.c": "mit", "adder/lib/deep/er/tree.h": "", "adder/lib/list.c": "", "adder/lib/both.c": "apache",
        }  # fmt: skip
    assert not list(read_package(Pinned("adder", "1.1-3", "debian-source"), tmp_path))
    assert Pinned("adder", "1:1.2-3", "debian-source").requirement == "adder=1:1.2-3"


def test_a_source_package_whose_licence_is_free_text_counts_as_unknown(tmp_path: Path) -> None:
    write_source_package(tmp_path, {"add.go": "package add\n"}, "This is free software under the MIT licence.\n")
    assert [file.licence for file in read_package(Pinned("adder", "", "debian-source"), tmp_path)] == [""]


ADDED = "Files: add.c\nLicense: GPL-2"


@pytest.mark.parametrize(
    ("text", "licences"),
    [
        # A clear paragraph, in every layout.
        (f"{COPYRIGHT}\n{ADDED}\n", ["", "mit"]),
        (f"{COPYRIGHT}\n\n{ADDED}\n", ["", "mit"]),
        (f"{COPYRIGHT}\n{ADDED}\n".replace("\n", "\r\n"), ["", "mit"]),
        (f"{COPYRIGHT}\n# Added\n{ADDED}\n", ["", "mit"]),
        (f"{COPYRIGHT}\nFiles: other.c\n\n add.c\nLicense: GPL-2\n", ["", "mit"]),
        (f"{COPYRIGHT}\nFiles: ./add.c\nLicense: GPL-2\n", ["", "mit"]),
        (f"{COPYRIGHT}\nFiles: ad?.c\nLicense:\n GPL-2\n", ["", "mit"]),
        (f"{COPYRIGHT}\nFiles: lib/\nLicense: GPL-2\n", ["mit", ""]),
        (f"{COPYRIGHT}\nFiles: lib\nLicense: ISC\n", ["mit", ""]),
        # Paragraphs that may be about other files than they seem to.
        (f"{COPYRIGHT}{ADDED}\n", ["", ""]),
        (f"{COPYRIGHT}\nAdded later\n{ADDED}\n", ["", ""]),
        (f"{COPYRIGHT}\nFiles: add.c, other.c\nLicense: GPL-2\n", ["", ""]),
        (f"{COPYRIGHT}\nFiles: add.[ch]\nLicense: GPL-2\n", ["", ""]),
        (f"{COPYRIGHT}\nFiles: add.{{c,h}}\nLicense: GPL-2\n", ["", ""]),
        (f"{COPYRIGHT}\nFiles: add\\.c\nLicense: GPL-2\n", ["", ""]),
        (COPYRIGHT.replace("Files: *", f"{ADDED}\n\nFiles: *"), ["", ""]),
        (COPYRIGHT.replace("copyright-format/1.0", "dep5?rev=1"), ["", ""]),
        ("", ["", ""]),
    ],
)
def test_a_file_whose_licence_is_not_sure_counts_as_unknown(tmp_path: Path, text: str, licences: list[str]) -> None:
    write_source_package(tmp_path, {"add.c": CODE, "lib/more.c": CODE}, text)
    assert [file.licence for file in read_package(Pinned("adder", "", "debian-source"), tmp_path)] == licences


def test_a_source_archive_without_a_top_folder_has_the_paths_that_its_licences_name(tmp_path: Path) -> None:
    text = f"{COPYRIGHT}\nFiles: src/add.c\nLicense: GPL-2\n"
    write_source_package(tmp_path, {"src/add.c": CODE, "more.c": CODE, "EMPTY": ""}, text, below="./")
    found = {file.path: file.licence for file in read_package(Pinned("adder", "", "debian-source"), tmp_path)}
    assert found == {"adder/src/add.c": "", "adder/more.c": "mit"}


@pytest.mark.parametrize("name", ["adder_1.2.orig.tar.gz", "adder_1.2-3.debian.tar.xz"])
@pytest.mark.parametrize("length", [0, 10, 100])
def test_a_package_whose_archive_is_cut_off_is_left_out(tmp_path: Path, name: str, length: int) -> None:
    write_source_package(tmp_path, {"add.c": CODE}, COPYRIGHT)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:length])
    assert not list(read_package(Pinned("adder", "", "debian-source"), tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_lists_of_source_packages_that_could_not_be_downloaded_are_requested_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "bin" / "apt-get"
    client.parent.mkdir()
    asked = tmp_path / "asked"
    client.write_text(f'#!/bin/sh\necho "$@" >> "{asked}"\nexit 100\n', encoding="utf-8")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent), prepend=os.pathsep)
    for _ in range(2):
        some = [Pinned("adder", "1.2-3", "debian-source"), Pinned("adder-more", "", "debian-source")]
        assert download(some, tmp_path / "wheels") == some
        debian._prepare_settings.cache_clear()  # as in a new process
    assert asked.read_text(encoding="utf-8").count(" update\n") == 2


CONTROL = """Package: librust-adder-dev
Version: 1:1.2-3
Architecture: all
Maintainer: Some One <one@example.org>
Description: adds
"""


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_a_package_that_installs_a_crate_gives_its_sources(tmp_path: Path) -> None:
    installed = {
        "usr/share/cargo/registry/adder-1.2.0/src/lib.rs": "pub fn add() {}\n",
        "usr/share/doc/librust-adder-dev/copyright": COPYRIGHT,
        "DEBIAN/control": CONTROL,
    }
    for name, text in installed.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    archive = tmp_path / "librust-adder-dev_1%3a1.2-3_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tmp_path / "root", archive], check=True, capture_output=True
    )
    for version in ("1:1.2-3", ""):
        files = list(read_package(Pinned("librust-adder-dev", version, "debian"), tmp_path))
        assert [(file.path, file.licence) for file in files] == [("librust-adder-dev/src/lib.rs", "mit")]
