"""The task "type-hints": annotates a Python function, by evidence in the code; where that is not enough, by the model.

Works without a model too, with fewer hints. Adds annotations only; changes no name, default or statement.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from agents.edits import Edit, ProposedEdit
from agents.tasks import edit_ranking, filling
from agents.tasks.annotations import type_evidence
from agents.tasks.filling import Hole
from agents.tasks.functions import Function, Parameter, find_function_at
from agents.tasks.proposals import build_change, decline_answer, decline_place, list_notes
from agents.tasks.task import Kind, Needs, Offer, Task
from indexing.records import Query

if TYPE_CHECKING:
    from agents.tasks.annotations.type_evidence import Evidence
    from agents.tasks.task import Resources, Result, Scene

_HITS = 6
_LEAST_VOTES = 2  # votes from which a type is used without asking the model


def offer(scene: Scene) -> Offer | None:
    """Return the offer for the Python function at the cursor; None without one, or if it has all type hints."""
    if not scene.document.entry.python_parser:
        return None
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or not _lacks_hints(function):
        return None
    return Offer(f"Add type hints to `{function.name}`", function.span)


def propose(scene: Scene, resources: Resources) -> Result:
    """Return a proposal that adds the annotations for which the code or the model gives evidence, or `Nothing`.

    Raises:
        Cancelled: the request was cancelled while the model was asked.
    """
    function = find_function_at(scene.syntax, scene.span.start)
    if function is None or not _lacks_hints(function):
        return decline_place("There is no function without type hints here")
    resources.report(f"looking how {function.name} is used")
    finder = _Finder(scene, resources, function)
    edits = [edit for parameter in function.parameters if (edit := finder.annotate_parameter(parameter)) is not None]
    result = finder.annotate_result()
    edits += [result] if result is not None else []
    if not edits:
        return decline_answer(f"Neither the code nor the model shows which types `{function.name}` has")
    best = edit_ranking.rank([edit_ranking.Candidate(tuple(edits))], scene, resources)
    if not best:
        return decline_answer("The type hints that were found do not parse")
    missing = [each.name for each in function.parameters if not each.type and each.name not in finder.found]
    silent = (f"There is no evidence for the type of: {', '.join(missing)}.",) if missing else ()
    return ProposedEdit(
        title=f"Add type hints to `{function.name}`",
        why="They follow from defaults, from how values are used, and from annotations of the same names.",
        by="generator",
        changes=(build_change(scene.document, best[0].candidate.edits),),
        model=resources.model.entry.name if finder.asked and resources.model is not None else "",
        notes=(*list_notes(best[0]), *silent),
    )


def _lacks_hints(function: Function) -> bool:
    """Return whether `function` has a parameter list, and a parameter or the result has no type."""
    untyped = any(not each.type for each in function.parameters)
    return function.parameters_end > 0 and (untyped or not function.returns)


class _Finder:
    """The search for the types of one function.

    Attributes:
        found: names of the parameters that got a type.
        asked: whether the model was asked.
    """

    def __init__(self, scene: Scene, resources: Resources, function: Function) -> None:
        self.found: set[str] = set()
        self.asked = False
        self._scene = scene
        self._resources = resources
        self._function = function
        text = scene.document.text
        line = text.rfind("\n", 0, function.start) + 1
        self._definition = textwrap.dedent(text[line : function.body.end])
        self._around: list[str] | None = None

    def annotate_parameter(self, parameter: Parameter) -> Edit | None:
        """Return the edit that annotates `parameter`; None if it has a type already or none is known.

        Asks the model if the evidence in the code is not enough, as does `annotate_result`.
        """
        if parameter.type:
            return None
        evidence = type_evidence.gather_for_parameter(parameter, self._definition, self._collect_texts())
        hole = Hole(self._scene.document, parameter.name_end, parameter.name_end, ": ")
        chosen = self._choose_type(evidence, hole) if evidence.votes or not parameter.star else ""
        if not chosen:
            return None
        self.found.add(parameter.name)
        name = f"{chosen} | None" if evidence.optional and chosen != "None" else chosen
        end = parameter.span.end if parameter.default else parameter.name_end
        spaced = f" = {parameter.default}" if parameter.default else ""
        return Edit(parameter.name_end, end, f": {name}{spaced}")

    def annotate_result(self) -> Edit | None:
        """Return the edit that annotates the result; None for a stub, for a typed result, or if no type is known."""
        function = self._function
        if function.returns or function.is_stub(self._scene.document.text):
            return None
        evidence = type_evidence.gather_for_result(self._definition)
        chosen = self._choose_type(
            evidence, Hole(self._scene.document, function.parameters_end, function.parameters_end, " -> ")
        )
        if not chosen:
            return None
        optional = evidence.optional and chosen != "None" and "None" not in chosen
        return Edit(function.parameters_end, function.parameters_end, f" -> {chosen}{' | None' if optional else ''}")

    def _collect_texts(self) -> list[str]:
        """Return the file's text, then Python texts that a search for the untyped parameters' names finds; cached."""
        if self._around is None:
            names = " ".join(each.name for each in self._function.parameters if not each.type)
            document = self._scene.document
            hits = self._resources.index.search(
                Query(f"{self._function.name} {names}", path=document.path), limit=_HITS
            )
            self._around = [document.text, *(hit.text for hit in hits if hit.relative.endswith((".py", ".pyi")))]
        return self._around

    def _choose_type(self, evidence: Evidence, hole: Hole) -> str:
        """Return the type to write into `hole`, "" if none is known.

        A single type with enough evidence is taken, and so is `None`. Otherwise the model suggests types too, and rates
        all of them; without a model, the type with the most evidence is taken.
        """
        text = self._scene.document.text
        known = [name for name, _ in evidence.votes.most_common(4) if type_evidence.is_known_type(name, text)]
        sure = len(known) == 1 and evidence.votes[known[0]] >= _LEAST_VOTES
        if known == ["None"] or sure or self._resources.model is None:
            return known[0] if known else ""
        self.asked = True
        ideas = filling.fill_words(hole, self._resources, until=(",", ")", "=", ":", "#"), tokens=12)
        candidates = list(dict.fromkeys([*known, *(one.text for one in ideas if self._is_usable_type(one.text))]))
        if not candidates:
            return ""
        likely = filling.score_texts(hole, self._resources, candidates)
        votes = [min(evidence.votes[name], 3) for name in candidates]
        return max(zip(candidates, likely, votes, strict=False), key=lambda one: one[1] + one[2])[0]

    def _is_usable_type(self, text: str) -> bool:
        """Return whether the model's `text` is a type that the file knows, other than `object`, `None` and `Any`."""
        if text in {"object", "None", "Any"} or text.count("[") != text.count("]") or not text[:1].isidentifier():
            return False
        is_class = text.partition("[")[0] in _TYPES or text[:1].isupper()
        return is_class and type_evidence.is_known_type(text, self._scene.document.text)


_TYPES = frozenset(
    {"str", "int", "float", "bool", "bytes", "list", "dict", "set", "tuple", "frozenset", "type", "complex"}
)

TASK = Task("type-hints", Kind.REWRITE, Needs.NOTHING, offer, propose)
