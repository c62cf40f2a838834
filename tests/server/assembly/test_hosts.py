"""The place of a model's weights: who may set it, its messages, and the loaders for each place."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.catalog.catalog import Catalog
from models.completion import FillRequest
from models.host.address import LONGEST_PATH
from models.scripted.scripted_server import ScriptedServer
from models.sharing import SharedModel
from server.assembly import checks, core, host_place, hosts
from server.assembly.setting_sections import ModelSettings
from server.assembly.settings import Settings, resolve
from server.state import paths
from tests.models import bundled

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    "place", ["auto", "always", "off", "http://localhost:8000", "https://example.com/v1", "unix:/run/user/1/host.sock"]
)
def test_a_person_may_name_a_place(tmp_path: Path, place: str) -> None:
    (tmp_path / "settings.toml").write_text(f'[model]\nhost = "{place}"\n', encoding="utf-8")
    settings, problems = resolve(user_file=tmp_path / "settings.toml", environment={})
    assert (settings.model.host, problems) == (place, ())


@pytest.mark.parametrize("place", ["", "on", "localhost:8000", "http://me:secret@host", "http://h/?q", "unix:relative"])
def test_what_is_no_place_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "settings.toml").write_text(f'[model]\nhost = "{place}"\n', encoding="utf-8")
    settings, (problem,) = resolve(user_file=tmp_path / "settings.toml", environment={})
    assert settings.model.host == "auto"
    assert 'it must be "auto", "always", "off"' in str(problem)
    assert "secret" not in str(problem)


def test_neither_a_workspace_nor_an_editor_can_name_one(tmp_path: Path) -> None:
    (tmp_path / ".starling.toml").write_text('[model]\nhost = "http://elsewhere"\n', encoding="utf-8")
    editor = {"model": {"host": "http://elsewhere"}}
    settings, problems = resolve(editor=editor, roots=[tmp_path], environment={}, user_file=tmp_path / "none.toml")
    assert settings.model.host == "auto"
    assert [problem.key for problem in problems] == ["model.host"] * 2


def test_small_weights_stay_in_the_server_and_large_ones_do_not(tmp_path: Path) -> None:
    small = bundled.entry()
    large = replace(small, weights=tmp_path)
    with (tmp_path / "model.bin").open("wb") as stream:
        stream.truncate(hosts.LARGE_BYTES)
    wanted = {
        place: [hosts.uses_model_host(ModelSettings(host=place), entry) for entry in (small, large)]
        for place in host_place.KEYWORDS
    }
    assert wanted == {"auto": [False, True], "always": [True, True], "off": [False, False]}


def test_without_a_host_the_model_is_loaded_here_and_a_person_hears_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "make_host_command", lambda: ["/no/such/program"])
    model = hosts.make_host_loader(ModelSettings(host="always", device="cpu"), bundled.entry())()
    assert isinstance(model, SharedModel)
    assert "could not be started" in model.problems[-1]
    model.close()


def test_a_home_with_a_long_name_still_gets_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / ("long" * 30)))
    address = hosts.choose_host_address()
    assert len(str(address.socket)) <= LONGEST_PATH
    assert hosts.choose_host_address() == address
    assert address.folder.stat().st_mode & 0o077 == 0


@pytest.fixture
def short() -> Iterator[Path]:
    """Yield a temporary folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def test_another_configuration_is_another_hosts(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As seen: a host that was started with another XDG_CONFIG_HOME said that there is no such model."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("STARLING_HOME", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(short))
    sockets, handshakes = set(), set()
    variables = {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "CUDA_VISIBLE_DEVICES": "0", "CT2_FORCE_CPU_ISA": "x"}
    for name, value in {"UNRELATED": "", **variables}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert hosts.choose_host_address() == hosts.choose_host_address()
            assert hosts.choose_host_address().folder == short / "starling" / "run"
            sockets.add(hosts.choose_host_address().socket)
            handshakes.add(hosts.choose_host_address().handshake)
    assert (len(sockets), len(handshakes)) == (5, 5)


def test_without_a_runtime_folder_the_host_listens_in_the_cache(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody else can make a folder first."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("STARLING_HOME", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(short))
    assert hosts.choose_host_address().folder == short / "starling" / "run"
    assert hosts.choose_host_address().folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("prepared", ["a link", "open to all"])
def test_a_folder_that_others_prepared_is_refused_and_the_model_is_loaded_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared: str
) -> None:
    """Where the name is too long for a socket, the place is among temporary files: guessable by everybody."""
    with tempfile.TemporaryDirectory() as shared:
        monkeypatch.setattr(tempfile, "tempdir", shared)
        monkeypatch.setenv("STARLING_HOME", str(tmp_path / ("long" * 30)))
        folder = paths.temporary_dir()
        if prepared == "a link":
            (Path(shared) / "theirs").mkdir(mode=0o700)
            folder.symlink_to(Path(shared) / "theirs")
        else:
            folder.mkdir()
            folder.chmod(0o777)
        monkeypatch.setattr(hosts, "make_host_command", lambda: ["/no/such/program"])
        model = hosts.make_host_loader(ModelSettings(host="always", device="cpu"), bundled.entry())()
        assert isinstance(model, SharedModel)
        assert f"The model host's folder cannot be trusted: {folder}" in model.problems[-1]
        assert "loaded into each server by itself" in model.problems[-1]
        model.close()


def test_a_server_elsewhere_needs_no_model_here_but_the_one_that_stands_in_for_it() -> None:
    settings = Settings(model=ModelSettings(host="http://localhost:1", name="starcoder2-3b"))
    model = core._build_model(settings, [])
    assert model is not None
    assert model.entry.fim.middle == "<fim_middle>"
    assert model.wait(30)
    assert model.entry.name == "starling-mini"
    assert "http://localhost:1/v1 cannot be reached" in model.problem
    assert "Until it answers starling-mini completes, on this machine." in model.problem
    model.close()


def test_no_workspace_and_no_editor_sets_further_addresses(tmp_path: Path) -> None:
    (tmp_path / ".starling.toml").write_text('[model]\nreplicas = ["http://evil.example"]\n', encoding="utf-8")
    editor = {"model": {"replicas": ["http://evil.example"]}}
    settings, problems = resolve(editor=editor, roots=[tmp_path], environment={}, user_file=tmp_path / "none.toml")
    assert settings.model.replicas == ()
    assert len(problems) == 2
    assert all("settings.toml" in str(problem) for problem in problems)


def test_a_server_at_several_addresses_completes_while_one_of_them_answers() -> None:
    with ScriptedServer("===\nmade(1)") as server:
        wanted = ModelSettings(host="http://127.0.0.1:9", replicas=(server.url,), name="scripted")
        model = core._build_model(Settings(model=wanted), [])
        assert model is not None
        assert model.wait(30)
        assert model.entry.name == "scripted"
        for number in range(24):
            request = FillRequest(f"{number}.py", "x =", "")
            (answer,) = model.generate(request, stop=lambda _: None, cancelled=lambda: False)
            assert answer.text == "made(1)"
        dead, good = model.list_hosts()
        reports = list(checks._check_model(Settings(model=wanted)))
        model.close()
    assert (dead.url, dead.answered, good.answered) == ("http://127.0.0.1:9/v1", 0, 24)
    assert dead.problem == "http://127.0.0.1:9/v1 did not answer: unreachable."
    assert [report.state for report in reports] == ["warning", "ok", "ok"]
    assert [report.facts["url"] for report in reports[:2]] == ["http://127.0.0.1:9", server.url]


def test_what_a_gpu_computes_is_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = bundled.entry()
    assert not hosts.uses_model_host(ModelSettings(), entry)
    monkeypatch.setattr(hosts, "has_gpu", lambda: True)
    assert hosts.uses_model_host(ModelSettings(), entry)
    assert not hosts.uses_model_host(ModelSettings(device="cpu"), entry)
    assert not hosts.uses_model_host(ModelSettings(host="off"), entry)


def test_a_name_of_the_catalog_is_known_at_a_server_elsewhere() -> None:
    entry, _ = hosts.make_remote_loader(ModelSettings(host="http://localhost:1", name="starling-mini"), Catalog.load())
    assert entry == bundled.entry()
