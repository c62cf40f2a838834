"""`starling models recommend`: measures the machine and recommends a model for each use. Start at `recommend`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import tables, terminal
from server.cli.tables import Column
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.local.machine import Machine
    from models.local.recommendation import Verdict
    from server.assembly.recommending import Recommendation
    from server.assembly.settings import Settings

NOT_MEASURED = "not measured"
BUSY = 30.0  # percent of the processors in use by other programs, from which on measurements are doubtful
LACKING = {"memory": "no memory", "disk": "no disk"}


def recommend(
    *,
    again: Annotated[bool, typer.Option("--again", help="Measure again, even if there is a measurement.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Say which models answer in time here. Measures the machine for about ten seconds, once."""
    from models.errors import ModelError  # noqa: PLC0415 (used only here, like all below)
    from server.assembly import recommending  # noqa: PLC0415
    from server.assembly.settings import resolve  # noqa: PLC0415

    settings, _ = resolve()
    try:
        here = recommending.load_or_measure_machine(settings, again=again, on_progress=_announce)
    except ModelError as error:
        raise Failure(str(error)) from error
    found = recommending.recommend(settings, here)
    for problem in found.problems:
        terminal.note(problem)
    if as_json:
        terminal.emit(_describe(found, settings))
    else:
        _show(found, settings)


def _announce(what: str) -> None:
    """Write the step `what` of the measurement to stderr, and a warning if the processors are busy for 0.5 s."""
    import psutil  # noqa: PLC0415 (beside its only use)

    terminal.note(f"{what}, about ten seconds")
    if (busy := psutil.cpu_percent(0.5)) > BUSY:
        terminal.note(
            f"other programs use {busy:.0f} % of the processors; measure again with --again when they are idle"
        )


def _describe(found: Recommendation, settings: Settings) -> dict[str, Any]:
    """Return the measurement, the models and the recommendations as JSON."""
    from dataclasses import asdict  # noqa: PLC0415 (for JSON alone)

    from server.assembly.recommending import describe_verdict  # noqa: PLC0415

    return {
        "machine": asdict(found.machine),
        "limits": asdict(found.limits),
        "models": [describe_verdict(one) for one in found.verdicts],
        "recommended": {
            use: {
                "name": one.candidate.name if one is not None else "",
                "sentence": phrase_recommendation(found, use),
                "commands": list_commands(one, use, settings) if one is not None else [],
            }
            for use, one in found.chosen.items()
        },
        "problems": list(found.problems),
    }


def _show(found: Recommendation, settings: Settings) -> None:
    """Write the measurement, a table of models for each kind of use, and the recommendations."""
    console = terminal.get_stdout()

    def write_line(line: str = "") -> None:
        """Write a line to stdout."""
        console.print(line, markup=False, soft_wrap=True)

    for line in describe_machine(found.machine):
        write_line(line)
    write_line()
    completing = [one for one in found.verdicts if one.line_s is not None]
    chatting = [one for one in found.verdicts if one.first_words_s is not None]
    _show_table(("a line", "typing", "asking"), [(one, _format_line_cells(one)) for one in completing], "lines")
    write_line()
    _show_table(("begins", "tokens/s", "chat"), [(one, _format_chat_cells(one)) for one in chatting], "problems")
    write_line(
        "a line: seconds until it is written; begins: seconds until an answer to a question of 1,500 tokens begins."
    )
    write_line("worth: the share of line ends completed exactly, or of problems solved, and of how many (tests/eval).")
    write_line("* installed; + installed and measured, all others are estimated; ! needs an account on the hub.")
    write_line()
    for use, one in found.chosen.items():
        write_line(phrase_recommendation(found, use))
        for command in list_commands(one, use, settings) if one is not None else ():
            write_line(f"    {command}")


def describe_machine(machine: Machine) -> Iterator[str]:
    """Yield two lines about the measured speed of the machine."""
    day = time.strftime("%Y-%m-%d", time.localtime(machine.measured_at))
    threads = "one thread" if machine.threads == 1 else f"{machine.threads} threads"
    where = "The GPU" if machine.device == "cuda" else f"The processor ({threads})"
    millions = (machine.layers + machine.table) / 1e6
    yield f"{where} reads {machine.prompt_tokens_per_s:,.0f} and writes {machine.new_tokens_per_s:,.0f} tokens/s"
    yield f"with {millions:,.0f} million weights (measured {day}; --again measures again)."


def _show_table(headings: Sequence[str], rows: Sequence[tuple[Verdict, Sequence[str]]], table: str) -> None:
    """Write models as a table: the cells of `rows` under `headings`, then memory, disk and quality.

    `table` names the measurement of quality: "lines" or "problems".
    """
    tables.show(
        [
            Column(""),
            Column("name", typed=True),
            *(Column(heading, right=True) for heading in headings),
            Column("memory", right=True),
            Column("disk", right=True),
            Column("worth", right=True),
        ],
        [
            (
                _format_marks(one),
                one.candidate.name,
                *cells,
                _format_size(one.candidate.memory),
                _format_size(one.candidate.disk),
                format_quality(one, table),
            )
            for one, cells in rows
        ],
    )


def _format_size(count: int) -> str:
    """Return `count` bytes in GB, or in MB below one GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _format_marks(one: Verdict) -> str:
    """Return "*" for installed, "+" for installed and measured, "!" for gated, else ""."""
    candidate = one.candidate
    if candidate.installed:
        return "+" if candidate.speed is not None else "*"
    return "!" if candidate.gated else ""


def _format_line_cells(one: Verdict) -> tuple[str, str, str]:
    """Return the cells for completions: seconds for a line, and whether that is in time while typing and when asked."""
    return f"{one.line_s or 0:.3g} s", _rate_speed(one, "typing"), _rate_speed(one, "asking")


def _format_chat_cells(one: Verdict) -> tuple[str, str, str]:
    """Return the cells for chat: seconds until an answer begins, tokens per second, and whether that is in time."""
    return f"{one.first_words_s or 0:.3g} s", f"{one.speed.new_tokens_per_s:.3g}", _rate_speed(one, "chat")


def _rate_speed(one: Verdict, use: str) -> str:
    """Return "yes" if the model answers in time for `use`, "late" if not, or "no memory" or "no disk"."""
    return LACKING.get(one.lacking, "yes" if use in one.uses else "late")


def format_quality(one: Verdict, table: str) -> str:
    """Return the quality of a model in the measurement `table`, with the number of samples; or "not measured"."""
    measured = one.candidate.worth.get(table)
    return NOT_MEASURED if measured is None else f"{measured.share:.0%} of {measured.n:,}"


def phrase_recommendation(found: Recommendation, use: str) -> str:
    """Return a sentence that names the recommended model for a use, or says why there is none."""
    one = found.chosen[use]
    limits = found.limits
    if use == "chat":
        within = f"begins within {limits.first_words_s:g} s and writes {limits.tokens_per_s:g} tokens/s"
        if one is None:
            return f"Chat: no model {within} here; name an endpoint in `[chat]` of your settings.toml."
        begins, pace = f"{one.first_words_s or 0:.3g} s", f"{one.speed.new_tokens_per_s:.3g} tokens/s"
        return f"Chat: {one.candidate.name} begins an answer in {begins} and writes {pace}{_format_terms(one, use)}."
    what = "while you type" if use == "typing" else "when you ask"
    within_ms = 1000 * (limits.typing_s if use == "typing" else limits.asking_s)
    title = use.capitalize()
    if one is None:
        longer = f"raise `completion.{use}Ms` to allow slower ones"
        return f"{title}: no model answers within {within_ms:,.0f} ms here; {longer}."
    others = [other for other in found.verdicts if use in other.uses and other is not one]
    name = one.candidate.name
    if one.candidate.bundled and not others:
        return f"{title}: only the bundled model, {name}, answers {what} here (within {within_ms:,.0f} ms)."
    return f"{title}: {name} writes a line in {one.line_s or 0:.3g} s {what}{_format_terms(one, use)}."


def _format_terms(one: Verdict, use: str) -> str:
    """Return in parentheses the licence of a model to download, and that its quality was not measured; or ""."""
    from models.local.recommendation import WORTH  # noqa: PLC0415

    candidate = one.candidate
    said = [] if candidate.installed else [f"licence {candidate.licence}"]
    if WORTH[use] not in candidate.worth:
        said.append("its worth was not measured")
    return f" ({', '.join(said)})" if said else ""


def list_commands(one: Verdict, use: str, settings: Settings) -> list[str]:
    """Return the commands that install a model and select it; none if it is in use already."""
    name = one.candidate.name
    role = "chat" if use == "chat" else "completion"
    if role == "completion":
        used = name == settings.model.name or (one.candidate.bundled and not settings.model.name)
    else:
        used = name == settings.chat.model and not settings.chat.url
    if used:
        return []
    pull = [] if one.candidate.installed else [f"starling models pull {name}"]
    return [*pull, f"starling models use {role} {name}"]
