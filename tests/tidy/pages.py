"""Generated parts of the pages in `docs/`: settings, commands, languages, models, measurements and more.

A part is between `<!-- generated: NAME -->` and `<!-- /generated -->`. Run as a script, it writes the pages
(`make docs`); a test compares the pages with the code. Start at `render_page`.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import typer.main  # noqa: E402 (as a script this file finds the program by the line above)

from indexing.syntax.languages import LANGUAGES  # noqa: E402
from models.catalog.published_models import load_published_models  # noqa: E402
from models.host.metrics import METRICS as HOST_METRICS  # noqa: E402
from server.assembly.settings_reference import list_settings  # noqa: E402
from server.cli.app import PROGRAM, app  # noqa: E402
from server.lsp.commands import schema  # noqa: E402
from server.observation.figures import METRICS  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DOCS = ROOT / "docs"
EVAL = ROOT / "tests" / "eval"
SPEED = ROOT / "benchmarks" / "results.json"
REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
HELP_COLUMNS = 100


def find_pages() -> list[Path]:
    """Return the paths of the pages that have a generated part."""
    return [path for path in sorted(DOCS.rglob("*.md")) if REGION.search(path.read_text(encoding="utf-8"))]


def render_page(page: str) -> str:
    """Return the text `page` with its generated parts up to date."""
    return REGION.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", page)


def render_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with the columns `heads`."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def render_settings() -> str:
    """Return a heading and a table of settings for each section of the settings."""
    heads = ("setting", "allowed", "default", "what it does", "workspace")
    return "\n".join(
        f"## {section}\n\n"
        + render_table(
            heads,
            [
                (f"`{one.key}`", one.allowed, f"`{one.default}`", one.description, "yes" if one.workspace else "")
                for one in group
            ],
        )
        for section, group in groupby(list_settings(), key=lambda one: one.key.partition(".")[0])
    )


def render_languages() -> str:
    """Return a table of the supported languages, with the file names and extensions of each."""
    rows = sorted(
        (f"`{one.name}`", ", ".join(f"`{name}`" for name in (*one.extensions, *one.filenames))) for one in LANGUAGES
    )
    return f"{len(rows)} languages:\n\n" + render_table(("language", "files"), rows)


def render_commands() -> str:
    """Return a section for each command of the server, with its arguments and results."""
    described: dict[str, Any] = json.loads(schema.FILE.read_text(encoding="utf-8"))
    return "\n".join(
        f"## {name}\n\n{_capitalize(one['description'])}\n\n"
        f"{_render_fields('argument', one['arguments'])}\n{_render_fields('result', one['result'])}"
        for name, one in described.items()
    )


def _capitalize(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _render_fields(head: str, described: Mapping[str, Any]) -> str:
    """Return a table of the fields of a JSON schema; `head` is "argument" or "result"."""
    required = described.get("required", ())
    rows = [
        (
            f"`{name}`" + ("" if name in required or head == "result" else " (optional)"),
            _name_type(one),
            _describe_field(one),
        )
        for name, one in described.get("properties", {}).items()
    ]
    return render_table((head, "type", "what it is"), rows) if rows else f"No {head}s.\n"


def _describe_field(one: Mapping[str, Any]) -> str:
    """Return the description of a field's schema, on one line, for a cell of a table."""
    return str(one.get("description", "")).replace("|", "\\|").replace("\n", " ")


def _name_type(one: Mapping[str, Any]) -> str:
    """Return a text that names the type of a JSON schema ("list of string"), by name for a record."""
    if "anyOf" in one:
        return " or ".join(_name_type(part) for part in one["anyOf"])
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "enum" in one:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in one["enum"])
    if "const" in one:
        return f"`{json.dumps(one['const'])}`"
    if one.get("type") == "array":
        return f"list of {_name_type(one.get('items', {}))}"
    return str(one.get("type", "any"))


def render_command_line() -> str:
    """Return a section with the `--help` of each command of the command line."""
    return "\n".join(f"## {name}\n\n```text\n{text}\n```\n" for name, text in _walk_helps(typer.main.get_command(app)))


def _walk_helps(command: Any, parent: Any = None, name: str = PROGRAM) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help of `command` and of all commands below it that are not hidden."""
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=HELP_COLUMNS, **command.context_settings
    )
    yield context.command_path, command.get_help(context).strip()
    for below, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from _walk_helps(one, context, below)


def render_catalog() -> str:
    """Return a table of the models that `starling models pull` downloads by name, smallest first."""
    rows = [
        (
            f"`{one.name}`",
            f"{one.parameters / 1e6:,.0f} M",
            f"{one.context_tokens:,}",
            one.licence + (", gated" if one.gated else ""),
            ", ".join(one.roles),
        )
        for one in sorted(load_published_models().values(), key=lambda one: (one.parameters, one.name))
    ]
    return render_table(("name", "parameters", "context tokens", "licence", "for"), rows)


def _read_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of the table `name` of `tests/eval`."""
    with (EVAL / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _format_share(row: Mapping[str, str], name: str) -> str:
    """Return the cell `name` of `row` with its interval, "0.50 (0.45 to 0.55)", if the row has one."""
    if not row[name]:
        return ""
    low, high = row.get(f"{name}_low", ""), row.get(f"{name}_high", "")
    return f"{row[name]} ({low} to {high})" if low else row[name]


def _render_quality(
    name: str, keys: Sequence[str], shares: Sequence[str], chosen: Callable[[dict[str, str]], bool]
) -> str:
    """Return a table with the `chosen` rows of the table `name` of `tests/eval`.

    Args:
        name: name of the CSV file.
        keys: columns shown as they are.
        shares: columns shown with their intervals.
        chosen: whether a row is shown.
    """
    rows = [[*(row[key] for key in keys), *(_format_share(row, share) for share in shares)] for row in _read_rows(name)]
    kept = [row for row, read in zip(rows, _read_rows(name), strict=True) if chosen(read)]
    return render_table([word.replace("_", " ") for word in (*keys, *shares)], kept)


def render_line_completion() -> str:
    """Return a table of how often completed lines are right, for each arm."""
    arms = {"copying", "recall", "model", "recall and model"}
    shares = ("exact", "shown", "right_when_shown")
    wanted = _render_quality(
        "line_completion", ("arm", "n"), shares, lambda row: row["where"] == "all" and row["arm"] in arms
    )
    assert wanted.count("\n") == len(arms) + 2
    return wanted


def render_replayed_typing() -> str:
    """Return a table of suggestions shown and accepted while code is typed key by key."""
    shares = ("completed_share", "keys_with_something_shown", "accepted_of_shown", "wrong_per_100_keys")
    return _render_quality("replayed_typing", ("arm", "n", "keys"), shares, lambda row: "first" not in row["arm"])


def render_humaneval() -> str:
    """Return a table of HumanEval's lines filled in by the bundled model."""
    shares = ("pass_1", "exact", "similarity")
    return _render_quality("humaneval", ("arm", "n"), shares, lambda row: row["model"] == "starling-mini")


def render_real_lines() -> str:
    """Return a table of lines completed by models of real size, compared with the engine alone."""
    return _render_quality("real_lines", ("model", "arm", "n"), ("exact", "more_than_raw"), lambda _: True)


def render_real_humaneval() -> str:
    """Return a table of HumanEval's lines filled in by models of real size, compared with the engine alone."""
    return _render_quality("real_humaneval", ("model", "arm", "n"), ("pass_1", "pass_more_than_raw"), lambda _: True)


def render_real_implement() -> str:
    """Return the table of the functions that models of real size wrote."""
    return _render_quality("real_implement", ("model", "arm", "n"), ("pass_1", "more_than_raw"), lambda _: True)


def render_retrieval() -> str:
    """Return a table of how often search finds the definition that the next line calls."""
    return _render_quality(
        "retrieval", ("arm", "n"), ("recall_1", "recall_5", "mrr"), lambda row: row["split"] == "test"
    )


def render_embedding_search() -> str:
    """Return a table of how often search finds code by words, by vectors and by both."""
    shares = ("recall_1", "recall_5", "recall_10", "mrr", "mrr_more")
    return _render_quality(
        "embedding_search", ("language", "kind", "arm", "n"), shares, lambda row: row["split"] == "test"
    )


def render_review_precision() -> str:
    """Return a table of how people judged the review's findings on published packages."""
    keys = ("found", "read", "useful", "trivial", "false")
    return _render_quality("review_precision", keys, ("not_false",), lambda row: row["kind"] == "all")


def render_seeded_bugs() -> str:
    """Return a table of how many seeded bugs each layer of the review finds."""
    shares = ("recall_any", "precision", "alarms_per_1000_lines")
    total = {"all in packages", "small programs"}
    return _render_quality("seeded_bugs", ("layer", "slips", "n"), shares, lambda row: row["slips"] in total)


def render_real_seeded_bugs() -> str:
    """Return a table of how many seeded bugs models of real size find."""
    shares = ("recall_any", "precision", "alarms_per_1000_lines")
    total = {"all", "logic"}
    return _render_quality(
        "real_seeded_bugs", ("model", "layer", "slips", "n"), shares, lambda row: row["slips"] in total
    )


def render_instructions() -> str:
    """Return a table of how many edits for instructions and refactorings apply, parse and do what was asked."""
    kinds = {
        row["kind"]: [one for one in _read_rows("instructions") if one["kind"] == row["kind"]]
        for row in _read_rows("instructions")
    }
    counted = ("applies", "parses", "does_it")
    rows = [
        [kind, str(len(ones)), *(str(sum(one[name] == "yes" for one in ones)) for name in counted)]
        for kind, ones in kinds.items()
    ]
    return render_table(("kind", "n", "applies", "parses", "does it"), rows)


def render_speed() -> str:
    """Return a table of the measured speed and memory, each value with its reference and its limit."""
    results = json.loads(SPEED.read_text(encoding="utf-8"))["results"]
    rows = []
    for name, one in results.items():
        beside, most = one.get("reference"), one.get("most")
        unit = "\N{MULTIPLICATION SIGN}" if one["judged"] == "ratio" else one["unit"]
        limit = "" if most is None else f"{most:g} {unit}"
        holds = {True: "yes", False: "no"}.get(one.get("holds"), "")
        reference = f"{beside['name']}: {beside['value']:g}" if beside else ""
        rows.append((f"`{name}`", one["what"], f"{one['value']:g} {one['unit']}", reference, limit, holds))
    return render_table(("figure", "what", "value", "reference", "at most", "holds"), rows)


def render_metrics() -> str:
    """Return a table of the metrics of the server and of the model host."""
    rows = [
        (f"`{one.name}`", one.kind, ", ".join(f"`{label}`" for label in one.labels), one.meaning)
        for one in (*METRICS, *HOST_METRICS)
    ]
    return render_table(("metric", "kind", "labels", "what"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "languages": render_languages,
    "settings": render_settings,
    "commands": render_commands,
    "command-line": render_command_line,
    "catalog": render_catalog,
    "line-completion": render_line_completion,
    "replayed-typing": render_replayed_typing,
    "humaneval": render_humaneval,
    "real-lines": render_real_lines,
    "real-humaneval": render_real_humaneval,
    "real-implement": render_real_implement,
    "retrieval": render_retrieval,
    "embedding-search": render_embedding_search,
    "review-precision": render_review_precision,
    "seeded-bugs": render_seeded_bugs,
    "real-seeded-bugs": render_real_seeded_bugs,
    "instructions": render_instructions,
    "speed": render_speed,
    "metrics": render_metrics,
}


if __name__ == "__main__":
    for path in find_pages():
        path.write_text(render_page(path.read_text(encoding="utf-8")), encoding="utf-8")
