"""The agents' side: editors whose language server serves the same workspace, asked for texts and to make changes.

Each request is a connection of its own, so that an editor that comes or goes is noticed at once. All calls block; for
any thread. Start at `PairedEditors`.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing.workspace.origins import parse_file_uri
from models.host.peers import describe_foreign_peer
from server.pairing import channel
from server.pairing.announcements import find_announcements

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from server.pairing.announcements import Announcement

logger = logging.getLogger(__name__)

CONNECT_S = 2.0
READ_S = 10.0
APPLY_S = 60.0
"""Longest wait for an editor that applies a change; its language server itself waits shorter."""

LISTED_S = 0.5
"""How long the list of open files is used again while agents search through many files."""


class NotConnectedError(Exception):
    """A language server cannot be reached, or did not prove itself; nothing was asked of it."""


class BrokenOffError(Exception):
    """The connection ended after the request was sent, so that it may have been carried out."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open in an editor.

    Attributes:
        editor: the announcement of the editor's language server.
        path: the file's real path.
        text: its text in the editor.
    """

    editor: Announcement
    path: str
    text: str


class PairedEditors:
    """The editors that are paired with one workspace.

    Args:
        folders: the workspace folders, as real paths; an editor has to serve all of them.
        find: returns the announcements of the editors for these folders.
    """

    def __init__(
        self, folders: Sequence[Path], find: Callable[[Sequence[Path]], list[Announcement]] = find_announcements
    ) -> None:
        self._folders = tuple(folders)
        self._find = find
        self._last: dict[str, Path] = {}  # the editor that was used last, by file
        self._listed: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._lock = threading.Lock()

    def list_names(self) -> tuple[str, ...]:
        """Return the name of each editor that answers, newest first; two editors may have the same name."""
        return tuple(str(answer.get("editor") or "An editor") for _, answer in self._ask_all({"do": "list"}))

    def find_open_text(self, uri: str) -> str | None:
        """Return the editor's text of the file `uri`; None if no editor has it open, or its text cannot be given.

        Uses a list of the open files again for `LISTED_S`, because a search asks about every file.
        """
        path = parse_file_uri(uri)
        if path is None:
            return None
        with self._lock:
            if time.monotonic() - self._listed[0] > LISTED_S:
                answers = self._ask_all({"do": "list"})
                listed = frozenset(str(one) for _, answer in answers for one in answer.get("open", ()))
                self._listed = (time.monotonic(), listed)
            if os.path.realpath(path) not in self._listed[1]:
                return None
        try:
            found = self.find_open_file(path)
        except OSError:
            return None
        return None if found is None else found.text

    def find_open_file(self, path: Path) -> OpenFile | None:
        """Return the file at `path` as an editor has it open; None if no editor has.

        Of several editors, prefers the one that was used for the file before, then one whose text is not saved.

        Raises:
            OSError: it is open, but its text cannot be given.
        """
        real = os.path.realpath(path)
        found: list[OpenFile] = []
        for editor, answer in self._ask_all({"do": "read", "path": real}):
            if problem := answer.get("problem"):
                raise OSError(0, str(problem), real)
            if isinstance(text := answer.get("text"), str):
                found.append(OpenFile(editor, real, text))
        if len(found) < 2:
            return found[0] if found else None
        last, saved = self._last.get(real), _read_saved(path)
        return max(found, key=lambda one: (one.editor.file == last, one.text != saved))

    def apply(self, editor: Announcement, request: str, paths: Sequence[str]) -> str:
        """Have an editor make an approved change; return why that failed, as a sentence, "" on success.

        Args:
            editor: the editor, of `find_open_file`.
            request: id of the request in the gate's record.
            paths: real paths of the files to change.

        Raises:
            NotConnectedError: the editor was not asked.
        """
        try:
            answer = _ask(editor, {"do": "apply", "request": request, "paths": [*paths]}, APPLY_S)
        except BrokenOffError as error:
            names = ", ".join(Path(one).name for one in paths)
            return f"The editor did not say whether it changed {names} ({error}); look whether the change is there."
        for path in paths:
            self._last[path] = editor.file
        return str(answer.get("problem", ""))

    def _ask_all(self, request: dict[str, Any]) -> list[tuple[Announcement, dict[str, Any]]]:
        """Send a request to all editors; return those that answer, newest first, with their answers."""
        answers = []
        for editor in self._find(self._folders):
            try:
                answers.append((editor, _ask(editor, request, READ_S)))
            except (NotConnectedError, BrokenOffError) as error:
                logger.info("an editor is not used: %s", error)
        return answers


def _ask(editor: Announcement, request: dict[str, Any], wait_s: float) -> dict[str, Any]:
    """Return an editor's answer to one request, with the editor's name under "editor".

    Raises:
        NotConnectedError: it was not asked.
        BrokenOffError: it was asked, and gave no valid answer in time.
    """
    try:
        connection = _connect(editor)
    except OSError as error:
        raise NotConnectedError(error.strerror or str(error)) from error
    with closing(connection), connection.makefile("rb") as stream:
        try:
            name = _authenticate(editor, connection, stream)
            data = channel.encode(request)
        except (OSError, ValueError) as error:
            raise NotConnectedError(str(error)) from error
        try:
            connection.settimeout(wait_s)
            connection.sendall(data)
            return {**channel.decode(stream.readline(channel.LARGEST_ANSWER)), "editor": name}
        except TimeoutError:
            raise BrokenOffError(f"no answer in {wait_s:.0f} s") from None
        except (OSError, ValueError) as error:
            raise BrokenOffError(str(error)) from error


def _connect(editor: Announcement) -> socket.socket:
    """Return a new connection to an editor's language server, which is a process of this user.

    Raises:
        OSError: nothing can be reached there, or another user's process listens.
    """
    kind = socket.AF_INET if editor.port else socket.AF_UNIX
    connection, foreigner = socket.socket(kind, socket.SOCK_STREAM), ""
    try:
        connection.settimeout(CONNECT_S)
        connection.connect(("127.0.0.1", editor.port) if editor.port else str(editor.socket))
        foreigner = "" if editor.port else describe_foreign_peer(connection)
    except BaseException:
        connection.close()
        raise
    if foreigner:
        connection.close()
        raise PermissionError(0, f"{foreigner} listens there instead of you")
    return connection


def _authenticate(editor: Announcement, connection: socket.socket, stream: Any) -> str:  # noqa: ANN401 (a file of bytes)
    """Prove to a language server that this process knows its secret, and check its proof; return its editor's name.

    Raises:
        OSError: the connection broke, or the server did not answer in time.
        ValueError: the server ended the connection, or did not prove that it wrote the announcement.
    """
    theirs = str(channel.decode(stream.readline(channel.LARGEST_REQUEST)).get("challenge", ""))
    mine = channel.make_challenge()
    proof = channel.make_proof(editor.secret, channel.CLIENT, theirs, mine)
    connection.sendall(channel.encode({"challenge": mine, "proof": proof}))
    shown = channel.decode(stream.readline(channel.LARGEST_REQUEST))
    if not channel.is_proof(shown.get("proof"), channel.make_proof(editor.secret, channel.SERVER, theirs, mine)):
        raise ValueError("what listens there did not prove that it is the language server")
    return str(shown.get("editor", ""))


def _read_saved(path: Path) -> str | None:
    """Return the text of a file on the disk; None if it cannot be read."""
    from server.gate.disk import contents  # noqa: PLC0415 (for several editors alone)

    try:
        content = contents.read(path)
    except OSError:
        return None
    return None if content is None else content.text
