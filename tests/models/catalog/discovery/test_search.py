"""Models of other programs: found in their folders, named so that people can type the names, and never trusted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from models.catalog.discovery import folder_walk, found_model, hub_cache, search
from models.catalog.discovery.search import ModelFolder, find_models, locate_model_folders
from tests.models.conversion import ggufs
from tests.models.conversion.parity import NETWORKS
from tests.models.conversion.test_gguf_vocabulary import write_model

HASH = "0123456789abcdef" * 4
KIND = "application/vnd.ollama.image."


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the path of a GGUF file with a complete model."""
    return write_model(tmp_path / "model.gguf", lambda writer: writer.add_file_type(15))


def write_manifest(root: Path, name: str, layers: list[tuple[str, str]]) -> None:
    """Write the manifest `name` of Ollama, with kind and hash of each layer."""
    path = root / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"mediaType": KIND + kind, "digest": f"sha256:{digest}", "size": 1} for kind, digest in layers]
    path.write_text(json.dumps({"schemaVersion": 2, "layers": listed}), encoding="utf-8")


def write_blob(root: Path, digest: str, content: bytes) -> None:
    """Write the file of a layer of Ollama."""
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    (root / "blobs" / f"sha256-{digest}").write_bytes(content)


def test_ollamas_models_have_the_names_that_ollama_shows(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "ollama"
    write_blob(root, HASH, model.read_bytes())
    write_blob(root, "1" * 64, b"{{ .System }}<|im_start|>{{ .Prompt }}<|im_end|>")
    write_blob(root, "2" * 64, b"\n  Apache License\n Version 2.0, January 2004\n")
    layers = [("model", HASH), ("template", "1" * 64), ("license", "2" * 64)]
    for name in ("registry.ollama.ai/library/coder/1.5b", "registry.ollama.ai/me/mine/latest", "hf.co/a/B-GGUF/Q4_K_M"):
        write_manifest(root, name, layers)
    found = find_models([ModelFolder("ollama", root)])
    assert [one.name for one in found] == ["ollama:hf.co/a/B-GGUF:Q4_K_M", "ollama:coder:1.5b", "ollama:me/mine:latest"]
    one = found[1]
    assert (one.quantization, one.architecture, one.licence, one.problem) == ("Q4_K_M", "qwen2", "Apache-2.0", "")
    assert one.parameters > 0
    assert one.size_bytes == model.stat().st_size
    assert "<|im_start|>" in one.origin.template
    assert [search.suggest_name(one) for one in found] == ["B-GGUF-Q4_K_M", "coder-1.5b", "mine"]


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ([("model", HASH), ("adapter", "1" * 64)], "consists of several files"),
        ([("model", "../../../etc/passwd")], "its manifest is damaged"),
        ([("model", "a" * 63)], "its manifest is damaged"),
        ([("model", "9" * 64)], "There is no file"),
    ],
)
def test_a_manifest_never_leads_to_other_files(
    layers: list[tuple[str, str]], problem: str, model: Path, tmp_path: Path
) -> None:
    root = tmp_path / "ollama"
    write_blob(root, HASH, model.read_bytes())
    write_manifest(root, "registry.ollama.ai/library/bad/tag", layers)
    (one,) = find_models([ModelFolder("ollama", root)])
    assert problem in one.problem


@pytest.mark.parametrize(
    "content", ["", "[", "[" * 200_000, "{}", "7", '{"layers": 3}', '{"layers": [7]}', '{"layers": [{}]}']
)
def test_a_damaged_manifest_is_a_problem_of_its_model(content: str, tmp_path: Path) -> None:
    path = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "bad" / "tag"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    assert ["manifest is damaged" in one.problem for one in find_models([ModelFolder("ollama", tmp_path)])] == [True]


def test_a_model_that_runs_elsewhere_is_not_listed(tmp_path: Path) -> None:
    write_manifest(tmp_path, "registry.ollama.ai/library/gpt/cloud", [("params", HASH)])
    assert find_models([ModelFolder("ollama", tmp_path)]) == []


def test_files_of_lm_studio_and_llama_cpp_are_found(model: Path, tmp_path: Path) -> None:
    studio, cache = tmp_path / "studio", tmp_path / "llama"
    (studio / "Qwen" / "Q-GGUF").mkdir(parents=True)
    cache.mkdir()
    shutil.copy(model, studio / "Qwen" / "Q-GGUF" / "q-Q4_K_M.gguf")
    shutil.copy(model, cache / "ggml-org_q_q.gguf")
    (cache / "ggml-org_q_q.gguf.etag").write_text("x", encoding="utf-8")
    found = find_models([ModelFolder("lmstudio", studio), ModelFolder("llama.cpp", cache)])
    assert [one.name for one in found] == ["lmstudio:Qwen/Q-GGUF/q-Q4_K_M", "llama.cpp:ggml-org_q_q"]
    assert search.suggest_name(found[0]) == "q"
    assert [
        one.name for one in find_models([ModelFolder("lmstudio", studio), ModelFolder("llama.cpp", cache)], "lmstudio")
    ] == ["lmstudio:Qwen/Q-GGUF/q-Q4_K_M"]


def test_characters_that_are_special_to_a_terminal_or_a_shell_are_replaced(model: Path, tmp_path: Path) -> None:
    for name in ("a\x1b[2J;rm -rf $HOME.gguf", "b\nc.gguf", "é`x`.gguf", "é'x'.gguf"):
        shutil.copy(model, tmp_path / name)
    model.unlink()
    names = [one.name for one in find_models([ModelFolder("llama.cpp", tmp_path)])]
    assert len(names) == 4
    assert len(set(names)) == 4
    for name in names:
        assert found_model.STRANGE.sub("", name.replace("~", "")) == name.replace("~", "")


def test_later_parts_and_image_encoders_are_no_models(tmp_path: Path) -> None:
    ggufs.write_network(tmp_path / "eyes.gguf", NETWORKS / "qwen2", change=lambda writer: writer.add_type("mmproj"))
    ggufs.write_network(tmp_path / "other-00002-of-00002.gguf", NETWORKS / "qwen2")
    assert find_models([ModelFolder("llama.cpp", tmp_path)]) == []


def test_a_model_that_cannot_be_run_states_the_reason(tmp_path: Path) -> None:
    ggufs.write_network(tmp_path / "a.gguf", NETWORKS / "qwen2", change=lambda writer: writer.add_expert_count(8))
    ggufs.write_network(tmp_path / "b.gguf", NETWORKS / "qwen2", tokenizer=lambda _writer, _rows: None)
    (tmp_path / "c.gguf").write_bytes(b"GGUF\3\0\0\0")
    problems = [one.problem for one in find_models([ModelFolder("llama.cpp", tmp_path)])]
    assert "mixture of experts" in problems[0]
    assert "no tokenizer" in problems[1]
    assert "cut short" in problems[2]


def make_repository(cache: Path, name: str) -> Path:
    """Make a repository with one snapshot in the hub's cache; return its folder."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "snapshots" / "abcdef1").mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abcdef1", encoding="utf-8")
    return folder


def add_file(folder: Path, name: str, content: bytes) -> None:
    """Add a file to a repository as the hub's library does: as a link to one of the repository's blobs."""
    (folder / "blobs" / name).write_bytes(content)
    (folder / "snapshots" / "abcdef1" / name).symlink_to(Path("..", "..", "blobs", name))


def test_the_hubs_cache_gives_files_and_checkpoints(model: Path, tmp_path: Path) -> None:
    files, whole = make_repository(tmp_path, "Qwen/Q-GGUF"), make_repository(tmp_path, "bigcode/starcoder2-3b")
    add_file(files, "q-Q4_K_M.gguf", model.read_bytes())
    for file in (NETWORKS / "starcoder2").iterdir():
        add_file(whole, file.name, file.read_bytes())
    found = find_models([ModelFolder("hf", tmp_path)])
    assert [one.name for one in found] == ["hf:Qwen/Q-GGUF/q-Q4_K_M", "hf:bigcode/starcoder2-3b"]
    assert [one.problem for one in found] == ["", ""]
    assert (found[1].architecture, found[1].repository) == ("starcoder2", "bigcode/starcoder2-3b")
    assert found[1].parameters > 1000


def test_a_link_out_of_the_cache_is_not_followed(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    folder = make_repository(cache, "a/b")
    snapshot = folder / "snapshots" / "abcdef1"
    (snapshot / "out.gguf").symlink_to(model)
    (snapshot / "round.gguf").symlink_to(snapshot / "round.gguf")
    assert find_models([ModelFolder("hf", cache)]) == []
    for file in (NETWORKS / "starcoder2").iterdir():
        add_file(folder, file.name, file.read_bytes())
    (snapshot / "tokenizer.json").unlink()
    (snapshot / "tokenizer.json").symlink_to(NETWORKS / "starcoder2" / "tokenizer.json")
    (one,) = find_models([ModelFolder("hf", cache)])
    assert one.problem == "its tokenizer.json lies outside the cache"


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ('{"model_type": "mamba"}', "its architecture is 'mamba'"),
        ("[" * 100_000, "its architecture is 'unknown'"),
        ('{"model_type": "starcoder2", "quantization": {"bits": 4}}', "quantized for another program"),
    ],
)
def test_a_checkpoint_that_cannot_be_run_says_why(config: str, problem: str, tmp_path: Path) -> None:
    folder = make_repository(tmp_path, "a/b")
    for file in (NETWORKS / "starcoder2").iterdir():
        add_file(folder, file.name, config.encode() if file.name == "config.json" else file.read_bytes())
    (one,) = find_models([ModelFolder("hf", tmp_path)])
    assert problem in one.problem


def test_without_a_reference_the_newest_snapshot_counts(model: Path, tmp_path: Path) -> None:
    folder = make_repository(tmp_path, "a/b")
    add_file(folder, "m.gguf", model.read_bytes())
    (folder / "snapshots" / "older").mkdir()
    os.utime(folder / "snapshots" / "older", (1, 1))
    for content in ("../../..", "", "abcdef1" * 100, "\xff"):
        (folder / "refs" / "main").write_text(content, encoding="latin-1")
        assert [one.name for one in find_models([ModelFolder("hf", tmp_path)])] == ["hf:a/b/m"]


def test_no_folder_behind_a_link_is_entered(model: Path, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    shutil.move(model, outside / "m.gguf")
    (inside / "linked").symlink_to(outside)
    (inside / "round").symlink_to(inside)
    assert find_models([ModelFolder("lmstudio", inside)]) == []
    (inside / "m.gguf").symlink_to(outside / "m.gguf")
    assert [one.name for one in find_models([ModelFolder("lmstudio", inside)])] == ["lmstudio:m"]


def test_a_walk_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.gguf").write_bytes(b"")
    monkeypatch.setattr(folder_walk, "MOST_ENTRIES", 10)
    assert len(list(folder_walk.find_ggufs(tmp_path, 3))) == 0  # more than it looks at
    monkeypatch.setattr(folder_walk, "MOST_ENTRIES", 40)
    assert len(list(folder_walk.find_ggufs(tmp_path, 3))) == 30
    assert len(find_models([ModelFolder("lmstudio", tmp_path)])) == 30
    monkeypatch.setattr(search, "MOST_MODELS", 7)
    assert len(find_models([ModelFolder("lmstudio", tmp_path)])) == 7


def test_variables_and_systems_move_the_places() -> None:
    home = Path("/home/me")

    def where(program: str, environment: dict[str, str], platform: str = "linux") -> list[str]:
        return [
            place.folder.as_posix()
            for place in locate_model_folders(environment, home, platform)
            if place.program == program
        ]

    assert where("ollama", {}) == ["/home/me/.ollama/models", "/usr/share/ollama/.ollama/models"]
    assert where("ollama", {}, "darwin") == ["/home/me/.ollama/models"]
    assert where("ollama", {"OLLAMA_MODELS": "/data/o"}) == ["/data/o"]
    assert where("lmstudio", {}) == ["/home/me/.lmstudio/models", "/home/me/.cache/lm-studio/models"]
    assert where("llama.cpp", {}) == ["/home/me/.cache/llama.cpp"]
    assert where("llama.cpp", {"LLAMA_CACHE": "/data/l"}) == ["/data/l"]
    assert where("llama.cpp", {}, "darwin") == ["/home/me/Library/Caches/llama.cpp"]
    assert where("llama.cpp", {"XDG_CACHE_HOME": "/c"}) == ["/c/llama.cpp"]
    assert where("hf", {}) == ["/home/me/.cache/huggingface/hub"]
    assert where("hf", {"HF_HOME": "/h"}) == ["/h/hub"]
    assert where("hf", {"HF_HOME": "/h", "HF_HUB_CACHE": "/b"}) == ["/b"]


def test_a_repository_is_not_walked_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_cache, "MOST_ENTRIES", 3)
    for number in range(5):
        make_repository(tmp_path, f"a/b{number}")
    assert len(hub_cache._list_repositories(tmp_path)) == 3
