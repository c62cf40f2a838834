"""What the client can do, read once from `initialize`. Frozen; knows no feature. Start at `Client.of`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pygls.capabilities import ServerCapabilitiesBuilder, get_capability

if TYPE_CHECKING:
    from lsprotocol import types

# These show their refactor preview for changes that need confirmation, and apply what is ticked there and nothing else.
PREVIEWING = ("Visual Studio Code", "VSCodium", "Code - OSS", "code-server")
# While these ask (`inputlist`, the minibuffer) nothing can be scrolled: what is to be seen must be in the question.
MODAL = ("Neovim", "Vim", "Emacs")


@dataclass(frozen=True, slots=True)
class Editing:
    """What the client can do with a proposed edit: show it, ask about it, make it. What it declares is not always so.

    Attributes:
        applies: takes `workspace/applyEdit`.
        versioned: takes `documentChanges`, which name versions and may create, rename and delete.
        operations: which of "create", "rename" and "delete" it takes.
        previews: asks by itself, and truly, about changes that are annotated so. Declaring annotations is not enough:
            Neovim 0.12 asks once for each document, never about files, and says that it applied what was refused.
        shows: takes `window/showDocument`.
        contents: asks us for documents of our own scheme (`workspace/textDocumentContent`).
        modal: its questions hold everything else up.
        confirms: asks about proposals in a view of its own when told to (`server.lsp.editor.confirm_request`), and only
        answers.
    """

    applies: bool = False
    versioned: bool = False
    operations: frozenset[str] = frozenset()
    previews: bool = False
    shows: bool = False
    contents: bool = False
    modal: bool = False
    confirms: bool = False

    @classmethod
    def of(cls, declared: types.ClientCapabilities, name: str) -> Editing:
        """The traits that a client of that name declares."""
        edits = "workspace.workspace_edit."
        operations = get_capability(declared, f"{edits}resource_operations") or ()
        versioned = bool(get_capability(declared, f"{edits}document_changes", default=False)) or bool(operations)
        annotated = get_capability(declared, f"{edits}change_annotation_support") is not None
        confirms = _confirms(declared.experimental)
        return cls(
            applies=bool(get_capability(declared, "workspace.apply_edit", default=False)),
            versioned=versioned,
            operations=frozenset(str(getattr(one, "value", one)) for one in operations),
            previews=annotated and versioned and name.startswith(PREVIEWING) and not confirms,
            shows=bool(get_capability(declared, "window.show_document.support", default=False)),
            contents=get_capability(declared, "workspace.text_document_content") is not None,
            modal=name.startswith(MODAL),
            confirms=confirms,
        )


def _confirms(experimental: object) -> bool:
    """Whether `{"starling": {"confirm": true}}` is declared there, which may hold anything."""
    ours = experimental.get("starling") if isinstance(experimental, dict) else None
    return isinstance(ours, dict) and ours.get("confirm") is True


@dataclass(frozen=True, slots=True)
class Menu:
    """What the client's menu of code actions can show.

    Attributes:
        literals: takes actions, not only commands.
        disables: shows what cannot be chosen, and why.
        resolves: asks for an action's edit when it is chosen.
        prefers: marks the likeliest choice.
    """

    literals: bool = False
    disables: bool = False
    resolves: bool = False
    prefers: bool = False

    @classmethod
    def of(cls, declared: types.ClientCapabilities) -> Menu:
        """The traits that a client declares."""
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
        editing: what it can do with a proposed edit.
        menu: what its menu of code actions can show.
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
            editing=Editing.of(declared, name),
            menu=Menu.of(declared),
        )
