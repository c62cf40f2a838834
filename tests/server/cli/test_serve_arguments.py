"""`starling serve`: the transport that its options select, and who may reach it."""

from __future__ import annotations

import gc
import io
from dataclasses import replace

import pytest

from server.cli import serve
from server.cli.serve import Options, Transport, parse_without_typer
from server.cli.terminal import Misuse


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("serve", Transport("stdio")),
        ("serve --stdio", Transport("stdio")),
        ("serve --tcp 127.0.0.1:8765", Transport("tcp", "127.0.0.1", 8765)),
        ("serve --tcp=localhost:0", Transport("tcp", "localhost", 0)),
        ("serve --ws [::1]:9", Transport("ws", "::1", 9)),
        ("serve --ws :9", Transport("ws", "127.0.0.1", 9)),
        ("serve --ws 9", Transport("ws", "127.0.0.1", 9)),
        (
            "serve --tcp 0.0.0.0:9 --allow-remote --tls-cert c --tls-key=k --login :8",
            Transport("tcp", "0.0.0.0", 9, anywhere=True, login=("127.0.0.1", 8), certificate="c", key="k"),  # noqa: S104
        ),
        (
            "serve --allow-remote --behind-proxy --tcp example.org:9",
            Transport("tcp", "example.org", 9, anywhere=True, behind_proxy=True),
        ),
    ],
)
def test_the_usual_spellings_need_no_library(arguments: str, expected: Transport) -> None:
    assert parse_without_typer(arguments.split()) == expected


@pytest.mark.parametrize(
    "arguments",
    ["", "index", "serve --help", "serve -h", "serve --tcp", "serve --tcp 1:2:x", "serve --stdio --tcp :9",
     "serve extra", "serve --tcp 0.0.0.0:9 --allow-remote", "serve --tcp :9 --tls-cert c", "serve --login :9",
     "serve --tcp 0.0.0.0:9", "serve --port 9", "--version", "serve --stdio=1"],
)  # fmt: skip
def test_all_other_command_lines_are_left_to_typer(arguments: str) -> None:
    assert parse_without_typer(arguments.split()) is None


REMOTE = ["0.0.0.0:80", "192.168.1.7:80", "[::]:80", "example.org:80", "10.0.0.1:80"]


@pytest.mark.parametrize("address", REMOTE)
def test_only_the_loopback_is_served_without_allow_remote(address: str) -> None:
    with pytest.raises(Misuse, match="--allow-remote"):
        serve.choose_transport(Options(tcp=address))
    with pytest.raises(Misuse, match="--allow-remote"):
        serve.choose_transport(Options(ws=":9", login=address, tls_cert="c", tls_key="k"))


@pytest.mark.parametrize("address", REMOTE)
def test_other_machines_connect_only_with_tls(address: str) -> None:
    for options in (Options(ws=address, allow_remote=True), Options(ws=":9", login=address, allow_remote=True)):
        with pytest.raises(Misuse, match="unencrypted"):
            serve.choose_transport(options)
        assert serve.choose_transport(replace(options, tls_cert="c", tls_key="k")).anywhere
        assert serve.choose_transport(replace(options, behind_proxy=True)).anywhere


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", ""])
def test_an_address_needs_a_port(address: str) -> None:
    with pytest.raises(Misuse, match="HOST:PORT"):
        serve.choose_transport(Options(tcp=address))
    with pytest.raises(Misuse, match="HOST:PORT"):
        serve.choose_transport(Options(tcp=":9", login=address))


def test_transports_exclude_each_other() -> None:
    with pytest.raises(Misuse, match="exclude each other"):
        serve.choose_transport(Options(tcp=":9"), stdio=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(login=":9"), "need --tcp or --ws"),
        (Options(behind_proxy=True), "need --tcp or --ws"),
        (Options(tls_cert="c", tls_key="k"), "need --tcp or --ws"),
        (Options(ws=":9", tls_cert="c"), "both --tls-cert"),
        (Options(ws=":9", tls_key="k"), "both --tls-cert"),
        (Options(ws=":9", tls_cert="c", tls_key="k", behind_proxy=True), "Either the server or a proxy"),
        (Options(token_file="f"), "--token-file needs"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: Options, message: str) -> None:
    with pytest.raises(Misuse, match=message):
        serve.choose_transport(options)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_person_who_starts_it_on_a_terminal_is_told_its_purpose(
    is_terminal: bool,  # noqa: FBT001 (a parameter of the test)
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def raise_interrupt() -> None:
        raise KeyboardInterrupt

    stdin = io.StringIO()
    monkeypatch.setattr(stdin, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("server.lsp.serving.stdio.serve_stdio", raise_interrupt)
    assert serve.serve(Transport("stdio")) == 130
    assert gc.isenabled()
    out, err = capsys.readouterr()
    assert out == ""
    assert ("an editor starts" in err) is is_terminal
