"""The output of the tour: code before and after each suggestion, with or without colour.

Only prints. Escapes markup and control characters in texts of the workspace and of models. Start at `show_completion`.
"""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from server.cli.terminal import escape
from server.state import paths
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from server.cli.tour.demo_answer import DemoAnswer

CONTEXT_LINES = 4
SUGGESTION_LINES = 12
GHOST = "bold black on green"
THEME = "ansi_dark"
ROOT = Path(__file__).resolve().parents[3]


def show_opening(console: Console, root: Path) -> None:
    """Print the version and a line that says that a server starts on `root`."""
    console.print(Text(f"Starling {VERSION}", style="bold"))
    console.print(Text(f"A language server is started on {escape(str(root))}, as an editor would do it.\n"))


def show_index(console: Console, status: Mapping[str, Any], index_s: float, initialize_ms: float) -> None:
    """Print the server's start time and the index's size and problem; for {} that the index was not ready in time."""
    if not status:
        console.print(Text("The index was not ready in time.", style="yellow"))
        return
    skipped = sum(status["skipped"].values())
    console.print(
        f"Server started and initialized in {initialize_ms:.0f} ms. Index {status['state']} after {index_s:.1f} s: "
        f"{status['files']:,} files, {status['bytes_indexed'] / 1e6:,.1f} MB, {status['chunks']:,} chunks, "
        f"{status['symbols']:,} definitions; {skipped:,} entries left out.\n",
        markup=False,
    )
    if status["problem"]:
        console.print(status["problem"], style="yellow", markup=False)


def show_completion(console: Console, answered: DemoAnswer) -> None:
    """Print one place: its code, the code with the suggestion, the suggestion's origin, and how the file continues."""
    place = answered.place
    how = "asked for with a key" if answered.invoked else "offered while typing"
    title = f"{escape(place.relative)}:{place.line + 1}:{len(place.before) + 1}  {place.kind}, {how}"
    cursor, marks = ("|", ("[[", "]]")) if console.options.ascii_only else ("▏", ("⟦", "⟧"))
    context, before, left, ghost, right = _split_code(answered)
    body = Text(overflow="fold")
    body.append("before\n", style="dim")
    body.append(_colour(console, place.language, "\n".join([*context, before])))
    body.append(cursor, style="bold red")
    body.append("\nafter\n", style="dim")
    head = escape("\n".join([*context, left]))
    if console.color_system is None:
        body.append(head + marks[0] + ghost + marks[1] + right)
    else:
        after = _colour(console, place.language, head + ghost + right)
        after.stylize(GHOST, len(head), len(head) + len(ghost))
        body.append(after)
    panel = Panel(body, title=Text(title), title_align="left", subtitle=_format_facts(answered), subtitle_align="left")
    console.print(panel, soft_wrap=False)
    verdict = (
        "the file itself continues exactly like this" if answered.exact else f"the file itself says: {place.truth}"
    )
    console.print(Text(f"  {escape(verdict)}\n", style="green" if answered.exact else "dim"))


def show_summary(
    console: Console,
    typed: Sequence[DemoAnswer],
    invoked: Sequence[DemoAnswer],
    model: Mapping[str, Any],
    statistics: Mapping[str, Any],
) -> None:
    """Print the number of places, suggestions and exact suggestions, the times and the model; a hint without places.

    Args:
        console: the console.
        typed: the answers while typing.
        invoked: the answers at places where a key requested them.
        model: the model's part of the server's status.
        statistics: the server's statistics of completions.
    """
    if not typed:
        console.print(
            "No code was found here to complete in, so nothing was asked; try WORKSPACE=<a folder with code>.\n"
        )
        return
    offered = [one for one in typed if one.answer.text]
    more = [one for one in invoked if one.answer.text]
    console.print(
        f"Asked at {len(typed)} places. While typing, {len(offered)} got a suggestion, {_count_exact(offered)} of them "
        f"exactly what the file says; elsewhere nothing was likely enough to be right. Of {len(invoked)} of those, "
        f"asked with a key, {len(more)} got a suggestion, {_count_exact(more)} exactly.",
        markup=False,
    )
    took = sorted(one.answer.took_ms for one in typed)
    name = model.get("name") or "none"
    console.print(
        f"Answers while typing took {took[len(took) // 2]:.0f} ms (median), at most {took[-1]:.0f} ms; model: "
        f"{name} ({model.get('state', 'off')}), run {statistics.get('model_runs', 0)} times.",
        markup=False,
    )
    if model.get("problem"):
        console.print(str(model["problem"]), style="yellow", markup=False)
    console.print()


def show_next_steps(console: Console) -> None:
    """Print how to configure editors, with the paths of this installation."""
    program = find_executable()
    lines = [
        *_describe_neovim(program, ROOT / "editors" / "neovim"),
        "Helix, in languages.toml (suggestions come in the completion list):",
        f'  [language-server.starling]\n  command = "{program}"\n  args = ["serve"]',
        '  [[language]]\n  name = "python"\n  language-servers = ["starling"]',
        *(
            ["VS Code: `make vscode` builds dist/starling.vsix, the extension."]
            if (ROOT / "Makefile").is_file()
            else []
        ),
        "Other editors: set up a language client for all files with this command:",
        f"  {program} serve",
        f"Settings: {paths.settings_file()}",
        f"What works on this machine: {program} doctor",
    ]
    console.print(Text("Next", style="bold"))
    for line in lines:
        console.print(Text(line))


def _describe_neovim(program: Path, plugin: Path) -> list[str]:
    """Return the lines for Neovim: with the plugin if the folder `plugin` exists, else without."""
    command = f"  vim.lsp.config('starling', {{ cmd = {{ '{program}', 'serve' }} }})"
    if plugin.is_dir():
        return [
            "Neovim 0.11 or 0.12, in init.lua; <Tab> accepts:",
            f"  vim.opt.runtimepath:prepend('{plugin}')",
            command,
            "  vim.lsp.enable('starling')",
        ]
    return [
        "Neovim 0.12, in init.lua, without the plugin; <Tab> accepts:",
        command,
        "  vim.lsp.enable('starling')",
        "  vim.lsp.inline_completion.enable()",
        "  vim.keymap.set('i', '<Tab>', function()",
        "    return vim.lsp.inline_completion.get() and '' or '<Tab>'",
        "  end, { expr = true })",
    ]


def find_executable() -> Path:
    """Return the path of the `starling` program that an editor should start.

    That is the program beside the Python interpreter, as found on PATH if it is there too. Another program on PATH is
    returned only if there is none beside the interpreter.
    """
    beside = Path(sys.executable).with_name("starling.exe" if sys.platform == "win32" else "starling")
    found = shutil.which("starling")
    if found is not None and (not beside.exists() or beside.samefile(found)):
        return Path(found)  # as found on PATH; a link if the program was installed as a tool
    return beside


def _split_code(answered: DemoAnswer) -> tuple[list[str], str, str, str, str]:
    """Split the code around a place into pieces, without the common indentation.

    Returns:
        The lines before the cursor's line; that line up to the cursor; the part of it that the suggestion keeps; the
        suggestion; the rest of the line after the suggestion.
    """
    place, answer = answered.place, answered.answer
    lines = place.text.splitlines()
    line = lines[place.line] if place.line < len(lines) else place.before
    context = list(
        itertools.dropwhile(lambda text: not text.strip(), lines[max(0, place.line - CONTEXT_LINES) : place.line])
    )
    left = place.before[: len(place.before) - answer.replaces_from]
    first, *more = answer.text.splitlines() or [""]
    indent = _find_common_indent([*context, place.before + "x", *more])
    suggested = [first, *(text[len(indent) :] for text in more)]
    rest = [f"... {len(suggested) - SUGGESTION_LINES} more lines"] if len(suggested) > SUGGESTION_LINES else []
    ghost = escape("\n".join([*suggested[:SUGGESTION_LINES], *rest]))
    right = escape(line[len(place.before) + answer.replaces_to :])
    return [text[len(indent) :] for text in context], place.before[len(indent) :], left[len(indent) :], ghost, right


def _find_common_indent(lines: Sequence[str]) -> str:
    """Return the longest indentation that all non-blank `lines` begin with."""
    indents = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    common = min(indents, key=len, default="")
    while not all(indent.startswith(common) for indent in indents):
        common = common[:-1]
    return common


def _colour(console: Console, language: str, code: str) -> Text:
    """Return `code` coloured by its syntax; without colour if that would change its characters."""
    plain = Text(escape(code))
    if console.color_system is None:
        return plain
    coloured = Syntax("", language, theme=THEME, background_color="default").highlight(plain.plain)
    coloured.rstrip()
    coloured.append(plain.plain[len(plain.plain.rstrip()) :])
    return coloured if coloured.plain == plain.plain else plain


def _format_facts(answered: DemoAnswer) -> Text:
    """Return the origin, model, confidence and time of an answer as one line."""
    answer = answered.answer
    sure = "" if answer.confidence is None else f", confidence {answer.confidence:.0%}"
    made = " by ".join(part for part in (answer.origin, answer.model) if part) or "suggested"
    return Text(f"{made}{sure}, {answer.took_ms:.0f} ms")


def _count_exact(answered: Sequence[DemoAnswer]) -> int:
    """Return the number of answers whose first line equals the rest of the line in the file."""
    return sum(one.exact for one in answered)
