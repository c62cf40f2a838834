"""Resolution in Java: tables, packages, visibility, and the names of types that say something about others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from indexing.resolution.languages import braces
from indexing.resolution.languages.java import packages
from indexing.resolution.languages.java.building import CONSTRUCTOR
from indexing.resolution.languages.java.tables import TableReader
from indexing.resolution.languages.java.text import CAST, GIVEN
from indexing.resolution.rules import TypeNames
from indexing.syntax.languages.language import parse_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tree_sitter

    from indexing.resolution import rules
    from indexing.resolution.paths import Paths
    from indexing.resolution.records import Definition, ImportedName, NameTable

_LISTS = parse_kinds("List ArrayList LinkedList Vector Stack ImmutableList CopyOnWriteArrayList")
_QUEUES = parse_kinds("Queue Deque ArrayDeque PriorityQueue LinkedList BlockingQueue LinkedBlockingQueue")
_SETS = parse_kinds("Set HashSet LinkedHashSet TreeSet SortedSet NavigableSet EnumSet ImmutableSet")
_ITERABLES = _LISTS | _QUEUES | _SETS | parse_kinds("Collection Iterable ImmutableCollection")
_MAPPINGS = parse_kinds(
    "Map HashMap LinkedHashMap TreeMap SortedMap NavigableMap ConcurrentMap ConcurrentHashMap EnumMap WeakHashMap"
    " IdentityHashMap ImmutableMap Hashtable"
)
_SAME_STREAM = parse_kinds("filter sorted distinct limit skip peek parallel sequential takeWhile dropWhile unordered")
_OVER_ELEMENTS = parse_kinds(
    "filter map flatMap forEach forEachOrdered anyMatch allMatch noneMatch peek mapToInt mapToLong mapToDouble mapToObj"
    " takeWhile dropWhile"
)
_TAKEN = parse_kinds("remove poll peek element pop getFirst getLast removeFirst removeLast pollFirst pollLast peekFirst"
                     " peekLast first last floor ceiling higher lower firstElement lastElement")  # fmt: skip
_OF_VALUE = parse_kinds(
    "get getOrDefault put remove computeIfAbsent computeIfPresent compute merge putIfAbsent replace"
)
_CALLED = parse_kinds("apply get call accept test")  # methods of functional interfaces

TYPES = TypeNames(
    callables=frozenset({"Callable"}),
    elements=dict.fromkeys({*_ITERABLES, "list", "Stream", "Iterator"}, 0),
    indexed={"list": 0},
    results={
        **{f"{name}.get": 0 for name in _LISTS},
        **{f"{name}.{method}": 0 for name in (*_LISTS, *_QUEUES, *_SETS) for method in _TAKEN},
        **{f"{name}.{method}": ("Iterator", 0) for name in _ITERABLES for method in ("iterator", "listIterator")},
        **{f"{name}.{method}": ("Stream", 0) for name in _ITERABLES for method in ("stream", "parallelStream")},
        **{f"{name}.subList": ("List", 0) for name in _LISTS},
        **{f"{name}.{method}": 0 for name in ("Iterator", "ListIterator") for method in ("next", "previous")},
        **{f"{name}.{method}": 1 for name in _MAPPINGS for method in _OF_VALUE},
        **{f"{name}.keySet": ("Set", 0) for name in _MAPPINGS},
        **{f"{name}.values": ("Collection", 1) for name in _MAPPINGS},
        "Entry.getKey": 0,
        "Entry.getValue": 1,
        **{f"Stream.{method}": ("Stream", 0) for method in _SAME_STREAM},
        **{f"Stream.{method}": ("Optional", 0) for method in ("findFirst", "findAny", "min", "max", "reduce")},
        "Stream.toList": ("List", 0),
        "Stream.iterator": ("Iterator", 0),
        **{f"Optional.{method}": 0 for method in ("get", "orElse", "orElseGet", "orElseThrow")},
        **{f"Optional.{method}": ("Optional", 0) for method in ("filter", "or")},
        "Optional.stream": ("Stream", 0),
        **{f"{name}.get": 0 for name in parse_kinds("Supplier ThreadLocal AtomicReference Future Reference Provider")},
        **{f"{name}.get": 0 for name in parse_kinds("WeakReference SoftReference CompletableFuture Lazy")},
        "CompletableFuture.join": 0,
        **{f"Callable.{method}": -1 for method in _CALLED},
        **{f"Class.{method}": 0 for method in ("cast", "newInstance")},
        "list.clone": ("list", 0),
    },
    parents=frozenset({"super"}),
    constructing=frozenset({"super", "this"}),
    giving=GIVEN,
    given={
        **{f"{name}.{method}": (0,) for name in ("Stream", "Optional") for method in _OVER_ELEMENTS},
        **{f"{name}.{method}": (0,) for name in _ITERABLES for method in ("forEach", "removeIf", "replaceAll")},
        **{f"{name}.{method}": (0, 0) for name in (*_LISTS, "Stream") for method in ("sort", "sorted", "min", "max")},
        **{f"Optional.{method}": (0,) for method in ("ifPresent", "ifPresentOrElse")},
        **{f"{name}.{method}": (0, 1) for name in _MAPPINGS for method in ("forEach", "replaceAll")},
        **{f"{name}.computeIfAbsent": (0,) for name in _MAPPINGS},
        **{f"{name}.computeIfPresent": (0, 1) for name in _MAPPINGS},
        **{f"CompletableFuture.{method}": (0,) for method in ("thenApply", "thenAccept", "thenCompose")},
    },
    casting=frozenset({CAST}),
)
_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)|\"\"\"(?:[^\\]|\\.)*?(?:\"\"\"|\Z)|"(?:[^"\\\n]|\\[^\n])*(?:"|(?=\n)|\Z)"""
    r"""|'(?:[^'\\\n]|\\[^\n])*(?:'|(?=\n)|\Z)""",
    re.DOTALL,
)
_TYPE = r"[A-Z][\w.]{0,100}(?:<[^<>()\n]{0,100}>)?(?:\[\])?"
_SIMPLIFIED = re.compile(
    rf"{_TEXT.pattern}|(?<![\w$)\]])\(\((?P<cast>{_TYPE})\)"
    r"|(?<=\bnew )(?P<made>[\w.]{1,100}<[^<>()\n]{0,100}>)(?=\()",
    re.DOTALL,
)
_BRACES = braces.Braces(
    head=re.compile(r"\{|->(?!\s*\{)"),
    defining=re.compile(r"\b(?:class|interface|enum|record)\b|\)\s*(?:throws\b[^{}();]*)?\{|->"),
    block="if (x) {",
    function="() -> {",
)


class JavaRules:
    """The rules of Java."""

    constructor = CONSTRUCTOR
    whole = ""
    has_local_paths = False
    unnamed = frozenset({CONSTRUCTOR})
    imports = re.compile(r"^(?:import|package)[ \t]+[^\n;]*;?", re.MULTILINE)
    weights: Mapping[str, float] = {}
    types = TYPES

    def read_table(self, text: str, data: bytes, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> NameTable:
        """Return the table of a parsed file; `data` is `text` in UTF-8."""
        return TableReader(text, data).read(captures)

    def locate_module(self, imported: ImportedName, relative: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the key of the file of an imported class; () if it is in no known file.

        For all names of a package (`*`), of any of its files.
        """
        if imported.name == "*":
            return packages.choose_file(imported.module, paths)
        wanted = imported.name if imported.member == "*" else imported.member
        return packages.locate(imported.module, wanted, relative, paths)

    def locate_named(self, name: str, paths: Paths) -> Sequence[tuple[str, int]]:
        """Return the keys of a file of each package that a person calls `name`; () if there is none."""
        return packages.locate_named(name, paths)

    def locate_submodule(self, _relative: str, _name: str, _paths: Paths) -> Sequence[tuple[str, int]]:
        """Return (): what a file defines is found in it."""
        return ()

    def locate_parts(self, relative: str, name: str, paths: Paths, *, of_class: bool) -> Sequence[tuple[str, int]]:
        """Return the keys of the files of the package of `relative` that may define `name`; of all for "".

        () if `of_class`: a class is in one file.
        """
        return () if of_class else packages.locate_parts(relative, name, paths)

    def find_implicit(self, _name: str) -> ImportedName | None:
        """Return None: a class of another package can be named only where it is imported."""
        return None

    def is_visible(self, definition: Definition, home: str, place: str | None) -> bool:
        """Return whether a member is public, or is not private and both files are in the same package."""
        if definition.is_public:
            return True
        return "private" not in definition.decorators and place is not None and packages.is_same_package(home, place)

    def is_member(self, definition: Definition, *, of_class: bool) -> bool:
        """Return whether a value has such a member: a class the static ones and inner classes, an object the others."""
        if definition.name == CONSTRUCTOR:
            return False
        return (definition.kind == "class" or "static" in definition.decorators) == of_class

    def is_property(self, _decorators: Sequence[str]) -> bool:
        """Return False: reading a method calls nothing."""
        return False

    def is_entered_as_element(self, _decorators: Sequence[str]) -> bool:
        """Return False: there are no contexts."""
        return False

    def takes_fields(self, _decorators: Sequence[str], _bases: Sequence[str]) -> bool:
        """Return False: the table has the constructor of a record."""
        return False

    def make_placeholder(self, line: str, column: int, following: str) -> tuple[str, int]:
        """Return what takes the place of the edited `line`, so that the lines around it parse, and the cursor in it."""
        if line.startswith(("package ", "import ")):
            return line, column
        return _BRACES.make_placeholder(line, _TEXT.sub(lambda found: "_" * len(found[0]), line), column, following)

    def close(self, text: str) -> str:
        """Return what has to follow `text` so that the brackets that it leaves open are closed; "" for nothing."""
        return braces.close(_TEXT.sub("", text))

    def simplify(self, text: str) -> str:
        """Return `text` with the same length: comments after `#`, strings in plain quotes.

        A cast in brackets, `((A) b)`, becomes `$(A, b)`, and `new A<B>(` becomes `new A[B](`.
        """
        return _SIMPLIFIED.sub(_simplify, text)

    def is_public(self, _name: str) -> bool:
        """Return True: an import of a package binds all of its classes."""
        return True


def _simplify(found: re.Match[str]) -> str:
    """Return what takes the place of a comment, a string or a cast; as long as it is."""
    text = found[0]
    if found["cast"]:
        return f"{CAST}({_write_brackets(found['cast'])},"
    if found["made"]:
        return _write_brackets(text)
    if text.startswith("//"):
        return f"# {text[2:]}"
    if text.startswith("/*"):
        return re.sub(r"[^\n]", " ", text)
    if text.startswith('"""'):
        return f"'{'_' * (len(text) - 2)}'"
    return text


def _write_brackets(type_: str) -> str:
    """Return a type with its types in brackets; as long as it is."""
    return type_.replace("<", "[").replace(">", "]")


RULES: rules.Rules = JavaRules()
