"""A decision board as Markdown: the decision, then every verdict with its criteria. Start at `format_report`."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from agents.team.shown_text import escape_to_line
from agents.team.workflows.board_records import name_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agents.team.workflows.board_records import Board, Given, Verdict

LONGEST_QUESTION = 1000
SHORTENED = 400
"""Characters of a reason in the summary for the role that decides."""

_SPECIAL = re.compile(r"([\\|<])")


def format_report(board: Board) -> str:
    """Return the whole board as Markdown."""
    return (
        "\n".join((*_format_decision(board), *_format_table(board.given), *_format_verdicts(board.given))).rstrip()
        + "\n"
    )


def format_verdict_counts(given: Mapping[str, Given]) -> str:
    """Return the number and the roles of each verdict: "2 approve (cfo, risk), 1 reject (legal); no verdict: qa"."""
    named: dict[str, list[str]] = {}
    for role, one in given.items():
        if one.verdict is not None:
            named.setdefault(name_verdict(one.verdict.verdict, one.verdict.choice), []).append(role)
    counts = Counter({verdict: len(roles) for verdict, roles in named.items()}).most_common()
    line = ", ".join(f"{count} {verdict} ({', '.join(named[verdict])})" for verdict, count in counts)
    missing = [role for role, one in given.items() if one.verdict is None]
    return "; ".join(filter(None, (line, f"no verdict: {', '.join(missing)}" if missing else "")))


def summarize_verdicts(given: Mapping[str, Given]) -> str:
    """Return all verdicts as short text, for the role that decides."""
    return "\n\n".join(_summarize(role, one) for role, one in given.items())


def _summarize(role: str, given: Given) -> str:
    """Return what came of asking `role` as short text."""
    if given.verdict is None:
        return f"{role}: no verdict ({given.problem})"
    verdict = given.verdict
    lines = [f"{role}: {name_verdict(verdict.verdict, verdict.choice)}{_describe_score(verdict)}"]
    lines += [
        f"- {one.name}: score {one.score:g}, threshold {one.threshold:g}, weight {one.weight:g}. "
        f"{one.reasoning[:SHORTENED]}"
        for one in verdict.criteria
    ]
    lines.append(f"Why: {verdict.reasoning[: 2 * SHORTENED]}")
    lines += [f"Condition: {one}" for one in verdict.conditions]
    return "\n".join(lines)


def _describe_score(verdict: Verdict) -> str:
    """Return ", 7.5 of 10", and the criteria below their threshold; "" without criteria."""
    if verdict.score is None:
        return ""
    below = f"; below the threshold: {', '.join(verdict.missed)}" if verdict.missed else ""
    return f", {verdict.score:.1f} of 10{below}"


def _format_decision(board: Board) -> Iterator[str]:
    """Yield the lines about question and decision."""
    ruling = board.ruling
    yield from (f"# Decision: {_format_text(board.result)}", "")
    yield from (f"Question: {_format_text(board.question[:LONGEST_QUESTION])}", "")
    who = (
        f"Decided by {board.by}. " if ruling is not None else f"{_format_text(board.problem)} " if board.problem else ""
    )
    yield from (f"{who}Verdicts: {_format_text(format_verdict_counts(board.given)) or 'none'}.", "")
    if ruling is None:
        return
    yield from (_format_text(ruling.reasoning), "")
    yield from _format_list("Conditions", ruling.conditions)
    for label, text in (("Not followed", ruling.dissent), ("Look at it again", ruling.review)):
        if text:
            yield from (f"{label}: {_format_text(text)}", "")


def _format_table(given: Mapping[str, Given]) -> Iterator[str]:
    """Yield the table of all verdicts."""
    yield from ("| Role | Verdict | Score | Below its threshold |", "| --- | --- | --- | --- |")
    for role, one in given.items():
        verdict = one.verdict
        if verdict is None:
            yield f"| {role} | no verdict | | |"
            continue
        score = "" if verdict.score is None else f"{verdict.score:.1f}"
        named = _format_text(name_verdict(verdict.verdict, verdict.choice))
        yield f"| {role} | {named} | {score} | {_format_text(', '.join(verdict.missed))} |"
    yield ""


def _format_verdicts(given: Mapping[str, Given]) -> Iterator[str]:
    """Yield a section for each role."""
    for role, one in given.items():
        if one.verdict is None:
            yield from (f"## {role}: no verdict", "", _format_text(one.problem), "")
            continue
        verdict = one.verdict
        yield from (f"## {role}: {_format_text(name_verdict(verdict.verdict, verdict.choice))}", "")
        yield from (_format_text(verdict.reasoning), "")
        if verdict.criteria:
            yield from ("| Criterion | Threshold | Weight | Score | Reasoning |", "| --- | --- | --- | --- | --- |")
        for criterion in verdict.criteria:
            figures = f"{criterion.threshold:g} | {criterion.weight:g} | {criterion.score:g}"
            yield f"| {_format_text(criterion.name)} | {figures} | {_format_text(criterion.reasoning)} |"
        if verdict.criteria:
            yield ""
        if verdict.verdict == "approve" and verdict.missed:
            yield from (
                f"It approves although this is below its threshold: {_format_text(', '.join(verdict.missed))}.",
                "",
            )
        yield from _format_list("Conditions", verdict.conditions)


def _format_list(title: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield a title and a list; nothing for no texts."""
    if texts:
        yield from (f"{title}:", "", *(f"- {_format_text(one)}" for one in texts), "")


def _format_text(text: str) -> str:
    """Return a model's text on one line of Markdown, which breaks no table and opens no tag."""
    return _SPECIAL.sub(r"\\\1", escape_to_line(text))
