"""Python's names of types that say something about other types, and functions and methods that pass elements on."""

from __future__ import annotations

from indexing.resolution.rules import TypeNames
from indexing.syntax.languages.language import parse_kinds

_ITERABLES = parse_kinds(
    "list set frozenset deque tuple dict enumerate reversed sorted OrderedDict defaultdict Counter"
    " List Set FrozenSet Deque Tuple Dict DefaultDict AbstractSet MutableSet KeysView ValuesView"
    " Iterable Iterator Collection Sequence MutableSequence Mapping MutableMapping Generator"
    " AsyncIterator AsyncIterable AsyncGenerator"
)
_MAPPINGS = parse_kinds("dict Dict Mapping MutableMapping OrderedDict defaultdict DefaultDict WeakValueDictionary")
_LISTS = parse_kinds("list List Sequence MutableSequence deque Deque tuple Tuple")

TYPES = TypeNames(
    transparent=parse_kinds(
        "Optional Annotated Final ClassVar Required NotRequired ReadOnly InitVar ContextVar Mapped cached_property"
        " ContextManager AbstractContextManager AsyncContextManager AbstractAsyncContextManager"
    ),
    alternatives=frozenset({"Union"}),
    classes=frozenset({"type", "Type"}),
    callables=frozenset({"Callable"}),
    awaited=parse_kinds("Awaitable Coroutine Future Task"),
    elements=dict.fromkeys(_ITERABLES, 0),
    indexed={**dict.fromkeys(_LISTS, 0), **dict.fromkeys(_MAPPINGS, 1)},
    results={
        **{f"{name}.{method}": 1 for name in _MAPPINGS for method in ("get", "pop", "setdefault")},
        **{f"{name}.values": ("list", 1) for name in _MAPPINGS},
        **{f"{name}.keys": ("list", 0) for name in _MAPPINGS},
        **{f"{name}.{method}": 0 for name in (*_LISTS, "set", "Set") for method in ("pop", "popleft")},
        **{f"{name}.copy": (name, 0) for name in _LISTS},
        "ContextVar.get": 0,
    },
    own=frozenset({"Self"}),
    parents=frozenset({"super"}),
    pairs=frozenset(f"{name}.items" for name in _MAPPINGS),
    counting=frozenset({"enumerate"}),
    passing=parse_kinds("list tuple set frozenset sorted reversed iter filter deque"),
    picking=parse_kinds("next min max anext choice"),
    casting=frozenset({"cast"}),
    unpacked=frozenset({"Unpack"}),
)
