"""The generated parts of the pages in `docs/`: settings, commands, languages, models, measurements and more.

A part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`. Run as a script it writes the pages
(`make docs`); a test holds the pages against the code. Start at `rendered`.
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
from server.assembly.settings_reference import list_settings  # noqa: E402
from server.cli.app import PROGRAM, app  # noqa: E402
from server.lsp.commands import schema  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DOCS = ROOT / "docs"
EVAL = ROOT / "tests" / "eval"
SPEED = ROOT / "benchmarks" / "results.json"
REGION = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)
HELP_COLUMNS = 100


def pages() -> list[Path]:
    """Return the pages that have a generated part."""
    return [path for path in sorted(DOCS.rglob("*.md")) if REGION.search(path.read_text(encoding="utf-8"))]


def rendered(page: str) -> str:
    """Return `page` with its generated parts brought up to date."""
    return REGION.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", page)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def settings() -> str:
    """Return a table of settings for each section."""
    heads = ("setting", "allowed", "default", "what it does", "workspace")
    return "\n".join(
        f"## {section}\n\n"
        + table(
            heads,
            [
                (f"`{one.key}`", one.allowed, f"`{one.default}`", one.description, "yes" if one.workspace else "")
                for one in group
            ],
        )
        for section, group in groupby(list_settings(), key=lambda one: one.key.partition(".")[0])
    )


def known_languages() -> str:
    """Return a table of the languages that have an entry, with the files by which each is known."""
    rows = sorted(
        (f"`{one.name}`", ", ".join(f"`{name}`" for name in (*one.extensions, *one.filenames))) for one in LANGUAGES
    )
    return f"{len(rows)} languages:\n\n" + table(("language", "files"), rows)


def commands() -> str:
    """Return each command with what it takes and returns."""
    described: dict[str, Any] = json.loads(schema.FILE.read_text(encoding="utf-8"))
    return "\n".join(
        f"## {name}\n\n{_sentence(one['description'])}\n\n"
        f"{_fields('argument', one['arguments'])}\n{_fields('result', one['result'])}"
        for name, one in described.items()
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fields(head: str, described: Mapping[str, Any]) -> str:
    """Return a table of a record's fields."""
    required = described.get("required", ())
    rows = [
        (f"`{name}`" + ("" if name in required or head == "result" else " (optional)"), _type(one), _told(one))
        for name, one in described.get("properties", {}).items()
    ]
    return table((head, "type", "what it is"), rows) if rows else f"No {head}s.\n"


def _told(one: Mapping[str, Any]) -> str:
    return str(one.get("description", "")).replace("|", "\\|").replace("\n", " ")


def _type(one: Mapping[str, Any]) -> str:
    """Return the name of a JSON type; the name of a record where it is one."""
    if "anyOf" in one:
        return " or ".join(_type(part) for part in one["anyOf"])
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "enum" in one:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in one["enum"])
    if "const" in one:
        return f"`{json.dumps(one['const'])}`"
    if one.get("type") == "array":
        return f"list of {_type(one.get('items', {}))}"
    return str(one.get("type", "any"))


def command_line() -> str:
    """Return the help of every command, as `--help` prints it."""
    return "\n".join(f"## {name}\n\n```text\n{text}\n```\n" for name, text in _helps(typer.main.get_command(app)))


def _helps(command: Any, parent: Any = None, name: str = PROGRAM) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=HELP_COLUMNS, **command.context_settings
    )
    yield context.command_path, command.get_help(context).strip()
    for below, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from _helps(one, context, below)


def catalog() -> str:
    """Return the models that `starling models pull` fetches by name, smallest first."""
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
    return table(("name", "parameters", "context tokens", "licence", "for"), rows)


def _rows(name: str) -> list[dict[str, str]]:
    with (EVAL / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _share(row: Mapping[str, str], name: str) -> str:
    """Return a share with its interval, as the table has them."""
    if not row[name]:
        return ""
    low, high = row.get(f"{name}_low", ""), row.get(f"{name}_high", "")
    return f"{row[name]} ({low} to {high})" if low else row[name]


def _quality(name: str, keys: Sequence[str], shares: Sequence[str], chosen: Callable[[dict[str, str]], bool]) -> str:
    """Return rows of a table of `tests/eval`: `keys` as they are, `shares` with their intervals."""
    rows = [[*(row[key] for key in keys), *(_share(row, share) for share in shares)] for row in _rows(name)]
    kept = [row for row, read in zip(rows, _rows(name), strict=True) if chosen(read)]
    return table([word.replace("_", " ") for word in (*keys, *shares)], kept)


def line_completion() -> str:
    """Return how much of a line's rest comes out right."""
    arms = {"copying", "recall", "model", "recall and model"}
    shares = ("exact", "shown", "right_when_shown")
    wanted = _quality("line_completion", ("arm", "n"), shares, lambda row: row["where"] == "all" and row["arm"] in arms)
    assert wanted.count("\n") == len(arms) + 2
    return wanted


def replayed_typing() -> str:
    """Return what happens while code is typed key by key."""
    shares = ("completed_share", "keys_with_something_shown", "accepted_of_shown", "wrong_per_100_keys")
    return _quality("replayed_typing", ("arm", "n", "keys"), shares, lambda row: "first" not in row["arm"])


def humaneval() -> str:
    """Return HumanEval's lines filled in by the bundled model."""
    shares = ("pass_1", "exact", "similarity")
    return _quality("humaneval", ("arm", "n"), shares, lambda row: row["model"] == "starling-mini")


def real_lines() -> str:
    """Return lines completed by models of real size, beside the raw engine."""
    return _quality("real_lines", ("model", "arm", "n"), ("exact", "more_than_raw"), lambda _: True)


def real_humaneval() -> str:
    """Return HumanEval's lines filled in by models of real size, beside the raw engine."""
    return _quality("real_humaneval", ("model", "arm", "n"), ("pass_1", "pass_more_than_raw"), lambda _: True)


def retrieval() -> str:
    """Return how often the definition that the next line calls is found."""
    return _quality("retrieval", ("arm", "n"), ("recall_1", "recall_5", "mrr"), lambda row: row["split"] == "test")


def review_precision() -> str:
    """Return how findings on published packages were judged."""
    keys = ("found", "read", "useful", "trivial", "false")
    return _quality("review_precision", keys, ("not_false",), lambda row: row["kind"] == "all")


def seeded_bugs() -> str:
    """Return how many seeded slips each layer of the review finds."""
    shares = ("recall_any", "precision", "alarms_per_1000_lines")
    total = {"all in packages", "small programs"}
    return _quality("seeded_bugs", ("layer", "slips", "n"), shares, lambda row: row["slips"] in total)


def instructions() -> str:
    """Return how many proposals for instructions and refactorings apply, parse and do what was asked."""
    kinds = {
        row["kind"]: [one for one in _rows("instructions") if one["kind"] == row["kind"]]
        for row in _rows("instructions")
    }
    counted = ("applies", "parses", "does_it")
    rows = [
        [kind, str(len(ones)), *(str(sum(one[name] == "yes" for one in ones)) for name in counted)]
        for kind, ones in kinds.items()
    ]
    return table(("kind", "n", "applies", "parses", "does it"), rows)


def speed() -> str:
    """Return the figures of speed and memory, each with its reference and its limit."""
    results = json.loads(SPEED.read_text(encoding="utf-8"))["results"]
    rows = []
    for name, one in results.items():
        beside, most = one.get("reference"), one.get("most")
        unit = "\N{MULTIPLICATION SIGN}" if one["judged"] == "ratio" else one["unit"]
        limit = "" if most is None else f"{most:g} {unit}"
        holds = {True: "yes", False: "no"}.get(one.get("holds"), "")
        reference = f"{beside['name']}: {beside['value']:g}" if beside else ""
        rows.append((f"`{name}`", one["what"], f"{one['value']:g} {one['unit']}", reference, limit, holds))
    return table(("figure", "what", "value", "reference", "at most", "holds"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "languages": known_languages,
    "settings": settings,
    "commands": commands,
    "command-line": command_line,
    "catalog": catalog,
    "line-completion": line_completion,
    "replayed-typing": replayed_typing,
    "humaneval": humaneval,
    "real-lines": real_lines,
    "real-humaneval": real_humaneval,
    "retrieval": retrieval,
    "review-precision": review_precision,
    "seeded-bugs": seeded_bugs,
    "instructions": instructions,
    "speed": speed,
}


if __name__ == "__main__":
    for path in pages():
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")
