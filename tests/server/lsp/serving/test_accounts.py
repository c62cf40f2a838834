"""A server refuses to start with less protection than its address and its settings need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.assembly.access import accounts
from server.lsp.serving import sockets
from server.lsp.serving.address import Address
from server.lsp.serving.stdio import ServeError
from server.state import paths

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = ("127.0.0.1", 0)
ISSUER = "https://id.example.test"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the state and the settings of these tests in a folder of their own."""
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "server.example.test"])  # noqa: S104
def test_other_machines_need_leave_tls_and_accounts(host: str, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="use 127"):
        sockets._check_address(Address(host, 0))
    with pytest.raises(ServeError, match="certificate"):
        sockets._check_address(Address(host, 0, anywhere=True))
    for options in ({"behind_proxy": True}, {"certificate": tmp_path / "c", "key": tmp_path / "k"}):
        address = Address(host, 0, anywhere=True, **options)  # type: ignore[arg-type]
        sockets._check_address(address)
        with pytest.raises(ServeError, match="only with accounts"):
            sockets._make_admission(address)


def test_a_proxy_needs_accounts_on_loopback_too() -> None:
    with pytest.raises(ServeError, match="only with accounts"):
        sockets._make_admission(Address("127.0.0.1", 0, behind_proxy=True))


def test_without_accounts_a_loopback_server_has_a_token() -> None:
    control = sockets._make_admission(Address("127.0.0.1", 0))
    assert control.visitors is None
    assert control.is_token(control.token)
    assert len(control.token) > 40


def test_with_accounts_there_is_no_token(tmp_path: Path) -> None:
    control = sockets._make_admission(Address("127.0.0.1", 0, login=LOGIN))
    assert (control.token, control.visitors is not None) == ("", True)
    with pytest.raises(ServeError, match="--token-file"):
        sockets._make_admission(Address("127.0.0.1", 0, login=LOGIN, token_file=tmp_path / "token"))


def test_an_external_issuer_turns_accounts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_ACCESS__ISSUER", ISSUER)
    control = sockets._make_admission(Address("127.0.0.1", 0))
    assert control.visitors is not None
    assert control.visitors.access.endpoints is None
    with pytest.raises(ServeError, match="external issuer"):
        sockets._make_admission(Address("127.0.0.1", 0, login=LOGIN))


@pytest.mark.parametrize("value", ["http://id.example.test", "nonsense"])
def test_a_wrong_issuer_does_not_turn_accounts_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_ACCESS__ISSUER", value)
    with pytest.raises(ServeError, match="ISSUER"):
        sockets._make_admission(Address("127.0.0.1", 0))


def test_settings_that_cannot_be_read_start_no_server_with_accounts() -> None:
    file = paths.settings_file()
    file.parent.mkdir(parents=True)
    file.write_text("[access\n")
    for address in (
        Address("127.0.0.1", 0, login=LOGIN),
        Address("192.0.2.1", 0, anywhere=True),
        Address("127.0.0.1", 0, behind_proxy=True),
    ):
        with pytest.raises(ServeError, match="not TOML"):
            sockets._make_admission(address)
    assert sockets._make_admission(Address("127.0.0.1", 0)).token


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ServeError, match=r"starling-lsp\[accounts\]"):
        sockets._make_admission(Address("127.0.0.1", 0, login=LOGIN))
    assert sockets._make_admission(Address("127.0.0.1", 0)).token
