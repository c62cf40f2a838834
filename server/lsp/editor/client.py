"""The client's name and capabilities, read once from `initialize`. Frozen. Start at `Client.of`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pygls.capabilities import ServerCapabilitiesBuilder, get_capability

if TYPE_CHECKING:
    from lsprotocol import types

# These editors show a preview for changes that need confirmation, and apply only what is ticked there.
PREVIEWING = ("Visual Studio Code", "VSCodium", "Code - OSS", "code-server")
# While these editors ask (`inputlist`, the minibuffer), nothing can be scrolled, so the question must hold the diff.
MODAL = ("Neovim", "Vim", "Emacs")


@dataclass(frozen=True, slots=True)
class Editing:
    """The client's capabilities for proposed edits: show them, ask about them, apply them.

    The capabilities are corrected for clients that declare more than they do.

    Attributes:
        applies: takes `workspace/applyEdit`.
        versioned: takes `documentChanges`, which name versions and may create, rename and delete.
        operations: which of "create", "rename" and "delete" it takes.
        previews: asks by itself, and reliably, about changes that are annotated for confirmation. Clients that declare
            annotations may fail to: Neovim 0.12 asks once for each document, never about files, and reports a refused
            edit as applied.
        shows: takes `window/showDocument`.
        contents: fetches documents of the `starling:` scheme from the server (`workspace/textDocumentContent`).
        modal: nothing else can be done in it while it asks.
        confirms: asks about proposals in its own view on `starling/confirm` (`server.lsp.editor.confirm_request`), and
            returns the answer without applying anything.
        permits: asks there about commands, too.
        chooses: lets the person take some parts of a proposal there, and leave others.
    """

    applies: bool = False
    versioned: bool = False
    operations: frozenset[str] = frozenset()
    previews: bool = False
    shows: bool = False
    contents: bool = False
    modal: bool = False
    confirms: bool = False
    permits: bool = False
    chooses: bool = False

    @classmethod
    def of(cls, declared: types.ClientCapabilities, name: str) -> Editing:
        """Return the editing capabilities of the client `name`: the `declared` ones, less those it is known to lack."""
        edits = "workspace.workspace_edit."
        operations = get_capability(declared, f"{edits}resource_operations") or ()
        versioned = bool(get_capability(declared, f"{edits}document_changes", default=False)) or bool(operations)
        annotated = get_capability(declared, f"{edits}change_annotation_support") is not None
        confirms = _has_own_capability(declared.experimental, "confirm")
        return cls(
            applies=bool(get_capability(declared, "workspace.apply_edit", default=False)),
            versioned=versioned,
            operations=frozenset(str(getattr(one, "value", one)) for one in operations),
            previews=annotated and versioned and name.startswith(PREVIEWING) and not confirms,
            shows=bool(get_capability(declared, "window.show_document.support", default=False)),
            contents=get_capability(declared, "workspace.text_document_content") is not None,
            modal=name.startswith(MODAL),
            confirms=confirms,
            permits=_has_own_capability(declared.experimental, "permit"),
            chooses=_has_own_capability(declared.experimental, "hunks"),
        )


def _has_own_capability(experimental: object, name: str) -> bool:
    """Return whether `experimental`, which may be any JSON, contains `{"starling": {NAME: true}}`."""
    ours = experimental.get("starling") if isinstance(experimental, dict) else None
    return isinstance(ours, dict) and ours.get(name) is True


@dataclass(frozen=True, slots=True)
class Menu:
    """The client's capabilities for its menu of code actions.

    Attributes:
        literals: takes `CodeAction` objects, not only commands.
        disables: shows disabled actions, with the reason.
        resolves: requests an action's edit when the action is chosen (`codeAction/resolve`).
        prefers: highlights the preferred action.
    """

    literals: bool = False
    disables: bool = False
    resolves: bool = False
    prefers: bool = False

    @classmethod
    def of(cls, declared: types.ClientCapabilities) -> Menu:
        """Return the menu capabilities in `declared`."""
        actions = "text_document.code_action"
        resolvable = get_capability(declared, f"{actions}.resolve_support.properties") or ()
        return cls(
            literals=get_capability(declared, f"{actions}.code_action_literal_support") is not None,
            disables=bool(get_capability(declared, f"{actions}.disabled_support", default=False)),
            resolves="edit" in resolvable and bool(get_capability(declared, f"{actions}.data_support", default=False)),
            prefers=bool(get_capability(declared, f"{actions}.is_preferred_support", default=False)),
        )


@dataclass(frozen=True, slots=True)
class Client:
    """The client's name, version and the capabilities that Starling uses.

    Attributes:
        name: the client's name, "" if it sends none.
        version: the client's version, "" if it sends none.
        encoding: unit of positions ("utf-8", "utf-16", "utf-32"): the first of the client's encodings that Starling
            supports. The client's preference decides, since converting a line here takes only a microsecond.
        inline: can show inline completions.
        configuration: answers `workspace/configuration`.
        watches: takes registrations of file watchers.
        progress: shows work-done progress that the server starts.
        pulls: requests diagnostics (pull model); all other clients are sent them (push model).
        pulls_workspace: may request diagnostics of the whole workspace. False for Neovim: after a refresh it requests
            those of the workspace and drops the answer for open buffers (0.12, `vim.lsp.diagnostic.on_refresh`).
        refreshes: requests diagnostics again on `workspace/diagnostic/refresh`.
        process: the client's process id, None if unknown.
        options: `initializationOptions`, unchecked JSON.
        editing: capabilities for proposed edits.
        menu: capabilities for the menu of code actions.
        asks: shows agents' questions on `starling/ask` (`server.lsp.editor.editor_person`), also those for any text.
        saves: saves files on `starling/save` (`server.lsp.editor.editor_saving`).
        plans: shows plans on `starling/plan`, where a person may edit their steps.
        follows: reads lists again on `starling/changed` (`server.lsp.editor.state_changes`).
        shows_next_edits: requests next edits with `starling/nextEdit` and shows them.
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
    editing: Editing = Editing()
    menu: Menu = Menu()
    asks: bool = False
    saves: bool = False
    plans: bool = False
    follows: bool = False
    shows_next_edits: bool = False

    @classmethod
    def of(cls, params: types.InitializeParams) -> Client:
        """Return the client that the parameters of `initialize` describe."""
        declared = params.capabilities

        def has_capability(name: str) -> bool:
            """Return whether the client declares the capability `name` as true."""
            return bool(get_capability(declared, name, default=False))

        name = params.client_info.name if params.client_info else ""
        pulls = get_capability(declared, "text_document.diagnostic") is not None
        return cls(
            name=name,
            encoding=str(
                getattr(encoding := ServerCapabilitiesBuilder.choose_position_encoding(declared), "value", encoding)
            ),
            inline=get_capability(declared, "text_document.inline_completion") is not None,
            configuration=has_capability("workspace.configuration"),
            watches=has_capability("workspace.did_change_watched_files.dynamic_registration"),
            progress=has_capability("window.work_done_progress"),
            pulls=pulls,
            pulls_workspace=pulls and name != "Neovim",
            refreshes=has_capability("workspace.diagnostics.refresh_support"),
            process=params.process_id,
            options=params.initialization_options,
            version=(params.client_info.version or "") if params.client_info else "",
            editing=Editing.of(declared, name),
            menu=Menu.of(declared),
            asks=_has_own_capability(declared.experimental, "ask"),
            saves=_has_own_capability(declared.experimental, "save"),
            plans=_has_own_capability(declared.experimental, "plan"),
            follows=_has_own_capability(declared.experimental, "changed"),
            shows_next_edits=_has_own_capability(declared.experimental, "nextEdit"),
        )
