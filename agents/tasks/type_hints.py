"""Adds type hints to a Python function: from what the code shows, and where that leaves a choice, by the model.

Works without a model, with less. Adds annotations only; changes no name, no default and no statement.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from agents.edits import Edit, ProposedEdit
from agents.tasks import edit_ranking, filling
from agents.tasks.annotations import type_evidence
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, Parameter, function_at
from agents.tasks.proposals import change, not_here, not_written, notes_of
from agents.tasks.task import Kind, Needs, Offer, Task
from indexing.records import Query

if TYPE_CHECKING:
    from agents.tasks.annotations.type_evidence import Evidence
    from agents.tasks.task import Means, Result, Scene

_HITS = 6
_LEAST_VOTES = 2  # with a model at hand: less than this is no evidence but a hint for it


def offer(scene: Scene) -> Offer | None:
    """Where a Python function has a parameter or a result without a type."""
    if not scene.document.entry.python_parser:
        return None
    function = function_at(scene.syntax, scene.span.start)
    if function is None or not _open(function):
        return None
    return Offer(f"Add type hints to `{function.name}`", function.span)


def propose(scene: Scene, means: Means) -> Result:
    """All hints that there is evidence for."""
    function = function_at(scene.syntax, scene.span.start)
    if function is None or not _open(function):
        return not_here("There is no function without type hints here")
    means.report(f"looking how {function.name} is used")
    finder = _Finder(scene, means, function)
    edits = [edit for parameter in function.parameters if (edit := finder.parameter(parameter)) is not None]
    result = finder.result()
    edits += [result] if result is not None else []
    if not edits:
        return not_written(f"Neither the code nor the model says of what types `{function.name}` is")
    best = edit_ranking.ranked([edit_ranking.Candidate(tuple(edits))], scene, means)
    if not best:
        return not_written("The type hints that were found do not parse")
    missing = [each.name for each in function.parameters if not each.type and each.name not in finder.found]
    silent = (f"Nothing is known of: {', '.join(missing)}.",) if missing else ()
    return ProposedEdit(
        title=f"Add type hints to `{function.name}`",
        why="They follow from defaults, from how values are used, and from annotations of the same names.",
        by="generator",
        changes=(change(scene.document, best[0].candidate.edits),),
        model=means.model.entry.name if finder.asked and means.model is not None else "",
        notes=(*notes_of(best[0]), *silent),
    )


def _open(function: Function) -> bool:
    untyped = any(not each.type for each in function.parameters)
    return function.parameters_end > 0 and (untyped or not function.returns)


class _Finder:
    """Finds the types of one function.

    Attributes:
        found: names of parameters that got one.
        asked: whether the model had a say.
    """

    def __init__(self, scene: Scene, means: Means, function: Function) -> None:
        self.found: set[str] = set()
        self.asked = False
        self._scene = scene
        self._means = means
        self._function = function
        text = scene.document.text
        line = text.rfind("\n", 0, function.start) + 1
        self._definition = textwrap.dedent(text[line : function.body.end])
        self._around: list[str] | None = None

    def parameter(self, parameter: Parameter) -> Edit | None:
        """The annotation of one parameter, None when nothing is known."""
        if parameter.type:
            return None
        evidence = type_evidence.of_parameter(parameter, self._definition, self._others())
        hole = Hole(self._scene.document, parameter.name_end, parameter.name_end, ": ")
        chosen = self._chosen(evidence, hole) if evidence.votes or not parameter.star else ""
        if not chosen:
            return None
        self.found.add(parameter.name)
        name = f"{chosen} | None" if evidence.optional and chosen != "None" else chosen
        end = parameter.span.end if parameter.default else parameter.name_end
        spaced = f" = {parameter.default}" if parameter.default else ""
        return Edit(parameter.name_end, end, f": {name}{spaced}")

    def result(self) -> Edit | None:
        """The annotation of the result."""
        function = self._function
        if function.returns or function.is_stub(self._scene.document.text):
            return None
        evidence = type_evidence.of_result(self._definition)
        chosen = self._chosen(
            evidence, Hole(self._scene.document, function.parameters_end, function.parameters_end, " -> ")
        )
        if not chosen:
            return None
        optional = evidence.optional and chosen != "None" and "None" not in chosen
        return Edit(function.parameters_end, function.parameters_end, f" -> {chosen}{' | None' if optional else ''}")

    def _others(self) -> list[str]:
        """The file itself, then pieces of the workspace that hold the same names."""
        if self._around is None:
            names = " ".join(each.name for each in self._function.parameters if not each.type)
            document = self._scene.document
            hits = self._means.index.search(Query(f"{self._function.name} {names}", path=document.path), limit=_HITS)
            self._around = [document.text, *(hit.text for hit in hits if hit.relative.endswith((".py", ".pyi")))]
        return self._around

    def _chosen(self, evidence: Evidence, hole: Hole) -> str:
        """By evidence; where it is thin or divided, what the model finds likeliest of it and of its own ideas."""
        text = self._scene.document.text
        known = [name for name, _ in evidence.votes.most_common(4) if type_evidence.is_known(name, text)]
        sure = len(known) == 1 and evidence.votes[known[0]] >= _LEAST_VOTES
        if known == ["None"] or sure or self._means.model is None:
            return known[0] if known else ""
        self.asked = True
        ideas = filling.words(hole, self._means, until=(",", ")", "=", ":", "#"), tokens=12)
        candidates = list(dict.fromkeys([*known, *(one.text for one in ideas if self._is_type(one.text))]))
        if not candidates:
            return ""
        likely = filling.likelihoods(hole, self._means, candidates)
        votes = [min(evidence.votes[name], 3) for name in candidates]
        return max(zip(candidates, likely, votes, strict=False), key=lambda one: one[1] + one[2])[0]

    def _is_type(self, text: str) -> bool:
        """Whether the model's text is the name of a type that the file knows, and says more than nothing."""
        if text in {"object", "None", "Any"} or text.count("[") != text.count("]") or not text[:1].isidentifier():
            return False
        is_class = text.partition("[")[0] in _TYPES or text[:1].isupper()
        return is_class and type_evidence.is_known(text, self._scene.document.text)


_TYPES = frozenset(
    {"str", "int", "float", "bool", "bytes", "list", "dict", "set", "tuple", "frozenset", "type", "complex"}
)

TASK = Task("type-hints", Kind.REWRITE, Needs.NOTHING, offer, propose)
