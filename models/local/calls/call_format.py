"""The text of tool calls for local models: the description of tools, and the written form of a call.

A call is a JSON object with the tool's name and its arguments, in the tags of Qwen's and Hermes' templates. Long texts
(`FENCED`: code above all) are not in the JSON, where small models lose quotes and line ends: each follows behind the
call, as its name and a fenced block. Start at `CallForm`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.chat import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from models.chat import ToolCall

BEGIN = "<tool_call>"
END = "</tool_call>"
OPENING = f'{BEGIN}\n{{"name": "'
"""Text in front of the name of a called tool."""

FENCE = "```"
FENCED = frozenset({"text", "old", "new", "code", "content"})
"""Names of the arguments that come in a fence behind the call."""

ANSWER = "answer_in_words"
"""Name of the choice to call nothing and answer the person."""

ANSWER_TOOL = ToolSpec(
    ANSWER, "Answer the user in words; for a question that needs no other function.", {"type": "object"}
)

TOOLS = (
    "# Tools\n\nYou may call one function at a time to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n{tools}\n</tools>\n\n"
    "For a function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n"
    '<tool_call>\n{{"name": <function-name>, "arguments": <args-json-object>}}\n</tool_call>'
)
BEHIND = (
    "\nTexts that a signature names as following behind are not in the JSON object; each comes after </tool_call>, as "
    "its name and a fenced block:\n<name>:\n```\n<text>\n```"
)


@dataclass(frozen=True, slots=True)
class CallForm:
    """The written form of the calls of one tool.

    Attributes:
        inline: JSON schema of the arguments in the JSON object.
        fenced: names of the arguments behind it, in order.
        within: name of the argument that holds the fenced ones as a list of one object; "" where they are arguments.
    """

    inline: Mapping[str, Any]
    fenced: tuple[str, ...] = ()
    within: str = ""

    @classmethod
    def of(cls, tool: ToolSpec) -> CallForm:
        """Return the form of the calls of `tool`.

        After the JSON object come the required arguments named in `FENCED`; if there are none, the properties of the
        items of the first required list whose items have only such properties.
        """
        schema = tool.parameters
        properties, required = schema.get("properties") or {}, tuple(schema.get("required") or ())
        fenced = tuple(name for name in properties if name in FENCED and name in required)
        if fenced:
            return cls(_leave_out(schema, fenced), fenced)
        for name in required:
            item = resolve_reference(schema, (properties.get(name) or {}).get("items") or {})
            inner = tuple(item.get("properties") or ())
            if inner and FENCED.issuperset(inner):
                return cls(_leave_out(schema, (name,)), inner, name)
        return cls(schema)

    def join(self, inline: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
        """Return all arguments of a call: those of its JSON object, and the texts after it."""
        if not self.fenced:
            return dict(inline)
        return {**inline, self.within: [dict(texts)]} if self.within else {**inline, **texts}


def resolve_reference(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `part`, or the definition in `schema` that it refers to with `$ref`; {} if that does not exist."""
    reference = part.get("$ref")
    if not isinstance(reference, str):
        return part
    found = (schema.get("$defs") or {}).get(reference.rpartition("/")[2])
    return found if isinstance(found, dict) else {}


def describe_tools(tools: Iterable[ToolSpec]) -> str:
    """Return the instructions about `tools`: their signatures, and how a call is written."""
    forms = [(tool, CallForm.of(tool)) for tool in tools]
    functions = [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": f"{tool.description}{_describe_fenced(form)}",
                "parameters": form.inline,
            },
        }
        for tool, form in forms
    ]
    text = TOOLS.format(tools="\n".join(json.dumps(function) for function in functions))
    return text + BEHIND if any(form.fenced for _, form in forms) else text


def format_call(call: ToolCall) -> str:
    """Return the text of an earlier call, in the form in which the model has to write calls."""
    inline: dict[str, Any] = {}
    texts: list[tuple[str, str]] = []
    for name, value in call.arguments.items():
        if fenced := list(_split_fenced(name, value)):
            texts += fenced
        else:
            inline[name] = value
    head = f"{BEGIN}\n" + json.dumps({"name": call.name, "arguments": inline}) + f"\n{END}"
    return "\n".join((head, *(f"{open_fence(name)}\n{text.removesuffix(chr(10))}\n{FENCE}" for name, text in texts)))


def open_fence(name: str) -> str:
    """Return the text that opens the fence of the argument `name`."""
    return f"{name}:\n{FENCE}"


def read_fence(text: str) -> tuple[str, bool]:
    """Return the text in a fence (all of it if the fence is not closed), and whether the fence is closed.

    `text` begins after the opening fence, with the rest of its line (a language). A fence inside that names a language
    is closed by a fence of its own.
    """
    _, _, body = text.partition("\n")
    kept: list[str] = []
    depth = 0
    for line in body.split("\n"):
        bare = line.strip()
        if bare == FENCE:
            if not depth:
                return "".join(f"{one}\n" for one in kept), True
            depth -= 1
        elif bare.startswith(FENCE):
            depth += 1
        kept.append(line)
    return body if body.endswith("\n") or not body else f"{body}\n", False


def has_closed_fence(text: str) -> bool:
    """Return whether a complete line of `text`, which begins after an opening fence, closes it."""
    lines, newline, _ = text.rpartition("\n")
    return bool(newline) and read_fence(lines)[1]


def _split_fenced(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield name and text of each fence of an argument; nothing for an argument of the JSON object."""
    items = value if isinstance(value, (list, tuple)) else [{name: value}]
    if not all(isinstance(one, dict) and one and FENCED.issuperset(one) for one in items):
        return
    pairs = [(key, text) for one in items for key, text in one.items() if isinstance(text, str)]
    if len(pairs) == sum(map(len, items)):
        yield from pairs


def _describe_fenced(form: CallForm) -> str:
    """Return a sentence that names the texts after a call; "" for none."""
    if not form.fenced:
        return ""
    return f" Behind the call: {', '.join(f'`{name}`' for name in form.fenced)}."


def _leave_out(schema: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of an object without the properties `names`."""
    kept = {key: value for key, value in (schema.get("properties") or {}).items() if key not in names}
    required = [name for name in schema.get("required") or () if name not in names]
    rest = {key: value for key, value in schema.items() if key not in {"properties", "required"}}
    if "$ref" not in json.dumps(kept):
        rest.pop("$defs", None)
    return {**rest, "properties": kept, "required": required}
