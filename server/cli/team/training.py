"""`starling sessions training`: writes approved interactions into a file, for training a model. Start at `export`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import arguments, terminal
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from server.state.database import State

MOST_SESSIONS = 1000
MOST_ENTRIES = 10_000
MOST_REQUESTS = 10_000


File = Annotated[Path, typer.Argument(metavar="FILE", help="The new file, as lines of JSON.")]
Directory = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
]


def export(file: File, *, directory: Directory = None) -> None:
    """Write approved edits and praised answers for training a model.

    The setting `team.training` has to allow it.
    """
    from agents.ports.failures import StateError  # noqa: PLC0415 (`--help` starts without)
    from indexing.workspace.secrets.known_places import register_secrets  # noqa: PLC0415
    from server.assembly.gates import open_state  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415
    from server.state import paths  # noqa: PLC0415

    root = arguments.choose_workspace(directory)
    if not resolve(roots=(root,))[0].team.training:
        raise Failure(
            "Nothing is exported for training until you allow it: set `training = true` in [team] of "
            f"{paths.settings_file()}."
        )
    register_secrets([root])
    state = open_state()
    try:
        found = list(_read(state, root.as_uri()))
    except StateError as error:
        raise Failure(str(error)) from error
    finally:
        state.close()
    if not found:
        raise Failure("There is no approved edit and no answer with a thumb up in this workspace yet.")
    _write(file, "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in found))
    edits = sum(one["kind"] == "edit" for one in found)
    terminal.note(
        f"{terminal.format_count(edits, 'edit')} and {terminal.format_count(len(found) - edits, 'answer')} are in "
        f"{file}: your requests, agents' reasons and answers, and diffs with your code; secrets are replaced, whole "
        "files and conversations are not in it, and nothing was sent."
    )


def _read(state: State, workspace: str) -> Iterator[dict[str, Any]]:
    """Yield the approved interactions of the newest `MOST_SESSIONS` sessions of a workspace, oldest session first."""
    from server.state.feedback_store import FeedbackStore  # noqa: PLC0415 (`--help` starts without)
    from server.state.gate_records import GateRecords  # noqa: PLC0415
    from server.state.history.training_export import list_interactions  # noqa: PLC0415
    from server.state.session_store import SessionStore  # noqa: PLC0415

    sessions, records, feedback = SessionStore(state), GateRecords(state), FeedbackStore(state)

    def is_undone(request: Any) -> bool:  # noqa: ANN401 (a record that `--help` does not load)
        """Return whether the change of a request was undone; False if its checkpoint is gone."""
        checkpoint = records.find_checkpoint(request.checkpoint)
        return checkpoint is not None and bool(checkpoint.undone_by)

    for session in sorted(sessions.list_newest(workspace, MOST_SESSIONS), key=lambda one: one.created):
        requests = records.list_requests(None, MOST_REQUESTS, session=session.id)
        entries = sessions.read(session.id, limit=MOST_ENTRIES)
        yield from list_interactions(session, entries, requests, feedback.list_feedback(session.id), is_undone)


def _write(file: Path, text: str) -> None:
    """Create `file` with `text`, for this user alone, whole or not at all.

    Raises:
        Failure: it exists, or cannot be written.
    """
    from starling_files import open_private, write_file  # noqa: PLC0415 (`--help` starts without)

    try:
        open_private(file, "xb").close()  # nobody else can take the name from here on
    except FileExistsError as error:
        raise Failure(f"{file} exists already; name a new file.") from error
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror or error}.") from error
    try:
        write_file(file, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        with suppress(OSError):
            file.unlink()
        raise Failure(f"{file} cannot be written: {error.strerror or error}.") from error
