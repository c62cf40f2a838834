"""What the client can do, read once from `initialize`. Frozen; knows no feature. Start at `Client.of`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pygls.capabilities import ServerCapabilitiesBuilder, get_capability

if TYPE_CHECKING:
    from lsprotocol import types


@dataclass(frozen=True, slots=True)
class Client:
    """The traits of the client that we act on.

    Attributes:
        name: as it calls itself, "" when it does not.
        version: of the client, "" when it does not say.
        encoding: unit of positions. The client's first choice that we know: it must convert what it does not keep
            natively, while our conversion of a line costs a microsecond.
        inline: can show inline completions.
        configuration: answers `workspace/configuration`.
        watches: takes registrations of file watchers.
        progress: shows work-done progress that we begin.
        pulls: asks for diagnostics; whoever does not is sent them.
        pulls_workspace: may ask for those of the whole workspace. Not Neovim: told to ask anew, it would do so for the
            workspace and drop the answer for the buffers that are open (0.12, `vim.lsp.diagnostic.on_refresh`).
        refreshes: asks anew when told that diagnostics have changed.
        process: its process id, None when unknown.
        options: `initializationOptions`, whatever they are.
    """

    name: str = ""
    encoding: str = "utf-16"
    inline: bool = True
    configuration: bool = False
    watches: bool = False
    progress: bool = False
    pulls: bool = False
    pulls_workspace: bool = False
    refreshes: bool = False
    process: int | None = None
    options: object = None
    version: str = ""

    @classmethod
    def of(cls, params: types.InitializeParams) -> Client:
        """The traits that `initialize` declares."""
        declared = params.capabilities

        def able(name: str) -> bool:
            return bool(get_capability(declared, name, default=False))

        name = params.client_info.name if params.client_info else ""
        pulls = get_capability(declared, "text_document.diagnostic") is not None
        return cls(
            name=name,
            encoding=str(
                getattr(encoding := ServerCapabilitiesBuilder.choose_position_encoding(declared), "value", encoding)
            ),
            inline=get_capability(declared, "text_document.inline_completion") is not None,
            configuration=able("workspace.configuration"),
            watches=able("workspace.did_change_watched_files.dynamic_registration"),
            progress=able("window.work_done_progress"),
            pulls=pulls,
            pulls_workspace=pulls and name != "Neovim",
            refreshes=able("workspace.diagnostics.refresh_support"),
            process=params.process_id,
            options=params.initialization_options,
            version=(params.client_info.version or "") if params.client_info else "",
        )
