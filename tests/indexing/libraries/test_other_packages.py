"""Packages of npm, Go's module cache and Cargo's registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from indexing.libraries.cargo_crates import find_crates, read_declared_crates
from indexing.libraries.discovery import discover
from indexing.libraries.go_modules import escape_path, find_go_modules
from indexing.libraries.node_packages import find_node_packages, read_declared_packages
from indexing.libraries.packages import Package, list_contents
from indexing.limits import IndexLimits
from tests.indexing.libraries.environments import write

if TYPE_CHECKING:
    from pathlib import Path


def list_files(package: Package) -> list[str]:
    """Return the relative paths of the files of `package` that may be indexed."""
    return [each.relative for each in list_contents(package, IndexLimits()).files]


def describe(name: str, version: str = "1.0.0", **more: object) -> str:
    """Return the text of a `package.json`."""
    return json.dumps({"name": name, "version": version, **more})


def test_packages_of_node_modules_are_found_without_built_minified_and_nested_files(tmp_path: Path) -> None:
    write(
        tmp_path / "node_modules",
        {
            "left/package.json": describe("left", "2.1.0", dependencies={"deep": "1"}),
            "left/index.js": "",
            "left/index.d.ts": "",
            "left/lib/more.ts": "",
            "left/dist/built.js": "",
            "left/dist/built.d.ts": "",
            "left/left.min.js": "",
            "left/node_modules/other/index.js": "",
            "left/test/left.test.js": "",
            "@scope/right/package.json": describe("@scope/right"),
            "@scope/right/index.mjs": "",
            ".bin/left": "",
            "broken/package.json": "[",
        },
    )
    found = {package.name: package for package in find_node_packages(tmp_path)}
    assert set(found) == {"left", "@scope/right"}
    assert (found["left"].version, found["left"].requires) == ("2.1.0", ("deep",))
    code = ["index.js", "lib/more.ts", "test/left.test.js"]
    assert list_files(found["left"]) == [*code, "dist/built.d.ts", "index.d.ts", "package.json"]


def test_the_nearest_node_modules_come_first(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(
        tmp_path, {"node_modules/a/package.json": describe("a", "1.0.0"), "node_modules/b/package.json": describe("b")}
    )
    write(tmp_path / "part", {"node_modules/a/package.json": describe("a", "2.0.0")})
    assert {one.name: one.version for one in find_node_packages(tmp_path / "part")} == {"a": "2.0.0", "b": "1.0.0"}


def test_a_package_linked_from_the_workspace_is_no_library(tmp_path: Path) -> None:
    write(tmp_path / "packages" / "mine", {"package.json": describe("mine"), "index.js": ""})
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "mine").symlink_to(tmp_path / "packages" / "mine", target_is_directory=True)
    assert find_node_packages(tmp_path) == []


def test_packages_that_pnpm_links_are_found_once_at_their_own_place(tmp_path: Path) -> None:
    kept = write(
        tmp_path / "node_modules" / ".pnpm" / "left@1.0.0" / "node_modules" / "left",
        {"package.json": describe("left"), "index.js": ""},
    )
    (tmp_path / "node_modules" / "left").symlink_to(kept, target_is_directory=True)
    (package,) = find_node_packages(tmp_path)
    assert (package.folder, list_files(package)) == (kept.resolve(), ["index.js", "package.json"])


def test_declared_packages_of_node_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"package.json": describe("mine", dependencies={"a": "1"}, devDependencies={"b": "2"})})
    assert read_declared_packages(tmp_path) == ("mine", {"a", "b"})
    assert read_declared_packages(tmp_path / "missing") == ("", set())


GO_MOD = """module example.com/mine

go 1.22

require github.com/Some/Log v1.2.3

require (
\tgolang.org/x/net v0.5.0 // indirect
\texample.com/missing v1.0.0
)
"""


def test_modules_that_go_mod_requires_are_found_in_the_cache(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"go.mod": GO_MOD})
    cache = tmp_path / "cache"
    write(cache / "github.com" / "!some" / "!log@v1.2.3", {"log.go": "", "log_test.go": "", "testdata/x.go": ""})
    write(cache / "golang.org" / "x" / "net@v0.5.0", {"html/parse.go": ""})
    packages, own, direct = find_go_modules(root, {"GOMODCACHE": str(cache), "PATH": ""})
    found = {package.name: list_files(package) for package in packages if package.name != "stdlib"}
    assert found == {
        "github.com/Some/Log": ["log.go", "log_test.go", "testdata/x.go"],
        "golang.org/x/net": ["html/parse.go"],
    }
    assert (own, direct) == ("example.com/mine", {"github.com/Some/Log"})


def test_the_standard_library_of_go_is_found_by_goroot(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"go.mod": "module example.com/mine\n"})
    go = write(tmp_path / "go", {"VERSION": "go1.22.1\ntime x\n", "src/fmt/print.go": "", "src/cmd/go/main.go": ""})
    (stdlib, *_), _, _ = find_go_modules(root, {"GOROOT": str(go), "PATH": ""})
    assert (stdlib.name, stdlib.version, list_files(stdlib)) == ("stdlib", "1.22.1", ["fmt/print.go"])


def test_a_go_mod_cannot_lead_out_of_the_cache(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"go.mod": "module m.io/m\nrequire a.b/../../outside v1.0.0\n"})
    write(tmp_path / "cache" / "a.b", {})
    write(tmp_path / "outside@v1.0.0", {"a.go": ""})
    packages, _, _ = find_go_modules(root, {"GOMODCACHE": str(tmp_path / "cache" / "a"), "PATH": ""})
    assert [package.name for package in packages if package.name != "stdlib"] == []


def test_capitals_in_paths_are_escaped() -> None:
    assert escape_path("github.com/Azure/SDK") == "github.com/!azure/!s!d!k"


LOCK = """version = 3

[[package]]
name = "mine"
version = "0.1.0"
dependencies = ["some-crate"]

[[package]]
name = "some-crate"
version = "1.2.3"
source = "registry+https://example.com/index"
dependencies = ["other 0.1.0"]

[[package]]
name = "../../outside"
version = "1"
source = "registry+https://example.com/index"
"""


def test_crates_that_cargo_lock_names_are_found_in_the_registry(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"Cargo.lock": LOCK, "Cargo.toml": "[dependencies]\nsome-crate = '1'\n"})
    write(
        tmp_path / "cargo" / "registry" / "src" / "index-1" / "some-crate-1.2.3",
        {"src/lib.rs": "", "tests/all.rs": "", "target/debug/made.rs": ""},
    )
    (package,) = find_crates(root, {"CARGO_HOME": str(tmp_path / "cargo")})
    assert (package.name, package.modules, package.requires) == ("some-crate", ("some_crate",), ("other",))
    assert list_files(package) == ["src/lib.rs", "tests/all.rs"]
    assert read_declared_crates(root) == {"some-crate"}


@pytest.mark.parametrize("text", ["[", "package = 1\n", "[[package]]\nname = 1\n", "[package]\nname = 'a'\n"])
def test_a_damaged_cargo_lock_names_no_crates(tmp_path: Path, text: str) -> None:
    assert find_crates(write(tmp_path, {"Cargo.lock": text}), {}) == []


def test_packages_of_several_ecosystems_are_found_together_and_ordered_by_use(tmp_path: Path) -> None:
    root = write(
        tmp_path / "root",
        {
            "package.json": describe("mine", dependencies={"declared": "1"}),
            "node_modules/mine/package.json": describe("mine"),
            "node_modules/declared/package.json": describe("declared"),
            "node_modules/rest/package.json": describe("rest"),
            "node_modules/used/package.json": describe("used", dependencies={"rest": "1"}),
            "node_modules/zunused/package.json": describe("zunused"),
            "Cargo.lock": LOCK,
        },
    )
    write(tmp_path / "cargo" / "registry" / "src" / "i" / "some-crate-1.2.3", {"src/lib.rs": ""})
    found = discover(root, lambda: {"used/part": 1, "some_crate": 2}, {"CARGO_HOME": str(tmp_path / "cargo")})
    assert [package.name for package in found.packages] == ["some-crate", "used", "declared", "rest", "zunused"]
    assert set(found.watched) == {str(root / "node_modules"), str(root / "Cargo.lock")}


@pytest.mark.parametrize("lines", ["require " + "a." * 100_000, "\n" * 100_000 + "x", "require a.b " + " " * 100_000])
def test_a_go_mod_that_no_go_wrote_is_read_in_little_time(tmp_path: Path, lines: str) -> None:
    root = write(tmp_path, {"go.mod": f"module a.b/c\n{lines}\nrequire a.b/d v1.0.0\n"})
    write(tmp_path / "cache" / "a.b", {"d@v1.0.0/d.go": ""})
    packages, _, direct = find_go_modules(root, {"GOMODCACHE": str(tmp_path / "cache"), "PATH": ""})
    assert ([one.name for one in packages if one.name != "stdlib"], direct) == (["a.b/d"], {"a.b/d"})


def test_a_go_mod_names_no_folder_outside_of_the_cache(tmp_path: Path) -> None:
    write(tmp_path / "own.code@v1.0.0", {"a.go": ""})
    root = write(tmp_path / "root", {"go.mod": f"module a.b/c\nrequire {tmp_path}/own.code v1.0.0\n"})
    packages, _, _ = find_go_modules(root, {"GOMODCACHE": str(tmp_path / "cache"), "PATH": ""})
    assert [one.name for one in packages if one.name != "stdlib"] == []


def test_names_that_are_too_long_for_a_file_name_hide_no_other_packages(tmp_path: Path) -> None:
    long = "a" * 300
    write(
        tmp_path / "root",
        {
            ".git/x": "",
            ".venv/pyvenv.cfg": f"home = /{long}/bin\nversion = 3.11.7\n",
            "Cargo.lock": f'[[package]]\nname = "{long}"\nversion = "1.0"\nsource = "registry+x"\n',
            "go.mod": f"module a.b/c\nrequire a.b/{long} v1.0.0\n",
            "node_modules/left/package.json": describe("left"),
        },
    )
    (tmp_path / "cargo" / "registry" / "src" / "index").mkdir(parents=True)
    (tmp_path / "go" / "a.b").mkdir(parents=True)
    environ = {"CARGO_HOME": str(tmp_path / "cargo"), "GOMODCACHE": str(tmp_path / "go"), "PATH": ""}
    assert [one.name for one in discover(tmp_path / "root", dict, environ).packages if one.name != "stdlib"] == ["left"]
    (tmp_path / "root" / ".venv" / "pyvenv.cfg").unlink()
    found = discover(tmp_path / "root", dict, {**environ, "VIRTUAL_ENV": f"/{long}"})
    assert [one.name for one in found.packages if one.name != "stdlib"] == ["left"]


def test_the_code_of_a_workspace_without_packages_is_not_read_for_its_imports(tmp_path: Path) -> None:
    def read() -> dict[str, int]:
        raise AssertionError("it was read")

    assert discover(tmp_path, read, {"HOME": str(tmp_path)}).packages == ()
