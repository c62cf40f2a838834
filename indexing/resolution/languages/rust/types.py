"""Rust's names of types that say something about other types, and methods that pass elements on."""

from __future__ import annotations

from indexing.resolution.languages.rust.text import CAST, GIVEN
from indexing.resolution.rules import TypeNames
from indexing.syntax.languages.language import parse_kinds

_HELD = parse_kinds(
    "unwrap expect unwrap_or unwrap_or_default unwrap_or_else unwrap_unchecked get_or_insert_with insert"
)
_SAME_OPTION = parse_kinds("as_ref as_mut as_deref as_deref_mut cloned copied take filter or or_else replace inspect")
_SAME_LIST = parse_kinds(
    "iter iter_mut into_iter drain filter skip take skip_while take_while rev chain cloned copied peekable step_by"
    " inspect fuse cycle by_ref as_slice as_mut_slice to_vec into_boxed_slice split_off par_iter into_par_iter sorted"
    " sorted_by sorted_by_key sorted_unstable as_ref as_mut"
)
_ONE_OF_LIST = parse_kinds(
    "next last nth find max min max_by_key min_by_key max_by min_by get get_mut first last_mut first_mut pop pop_front"
    " pop_back front back front_mut back_mut peek peek_mut reduce next_back iter_next"
)
_OVER_ELEMENTS = parse_kinds(
    "map for_each filter filter_map flat_map find find_map any all position take_while skip_while map_while inspect"
    " retain partition max_by_key min_by_key sort_by_key sort_unstable_by_key"
)
_TWO_ELEMENTS = parse_kinds("sort_by sort_unstable_by max_by min_by dedup_by reduce")
_OVER_HELD = parse_kinds("map and_then is_some_and is_ok_and filter map_or map_or_else inspect")
_ENTRIES = parse_kinds("or_insert or_insert_with or_default or_insert_with_key")
_LOCKS = parse_kinds("Mutex RwLock RefCell Cell OnceCell OnceLock")

TYPES = TypeNames(
    callables=frozenset({"Callable"}),
    elements={"list": 0, "Option": 0},
    indexed={"list": 0, "dict": 1, "tuple": 0},
    results={
        **{f"{name}.{method}": 0 for name in ("Option", "Result") for method in _HELD},
        **{f"Option.{method}": ("Option", 0) for method in _SAME_OPTION},
        **{f"Option.{method}": ("Result", 0) for method in ("ok_or", "ok_or_else", "context", "with_context")},
        **{f"Result.{method}": ("Result", 0) for method in ("map_err", "as_ref", "as_mut", "context", "with_context")},
        "Result.ok": ("Option", 0),
        "Result.err": ("Option", 1),
        **{f"{name}.iter": ("list", 0) for name in ("Option", "Result")},
        **{f"list.{method}": ("list", 0) for method in _SAME_LIST},
        **{f"list.{method}": ("Option", 0) for method in _ONE_OF_LIST},
        **{f"list.{method}": 0 for method in ("remove", "swap_remove")},
        **{f"dict.{method}": ("Option", 1) for method in ("get", "get_mut", "remove", "insert")},
        **{f"dict.{method}": ("list", 1) for method in ("values", "values_mut", "into_values")},
        **{f"dict.{method}": ("list", 0) for method in ("keys", "into_keys")},
        "dict.entry": ("Entry", 1),
        **{f"Entry.{method}": 0 for method in _ENTRIES},
        **{f"{name}.{method}": 0 for name in _LOCKS for method in ("lock", "read", "write", "borrow", "borrow_mut")},
        **{f"{name}.{method}": 0 for name in _LOCKS for method in ("get_mut", "into_inner", "get_or_init", "take")},
    },
    own=frozenset({"Self"}),
    own_class=frozenset({"Self"}),
    pairs=frozenset(f"dict.{method}" for method in ("iter", "iter_mut", "drain", "into_iter")),
    paired=frozenset({"dict"}),
    numbered=frozenset({"list.enumerate"}),
    giving=GIVEN,
    given={
        **{f"list.{method}": (0,) for method in _OVER_ELEMENTS},
        **{f"list.{method}": (0, 0) for method in _TWO_ELEMENTS},
        **{f"{name}.{method}": (0,) for name in ("Option", "Result") for method in _OVER_HELD},
        "Result.map_err": (1,),
        "dict.retain": (0, 1),
    },
    casting=frozenset({CAST}),
    tried=frozenset({"Option", "Result"}),
    same=parse_kinds(
        "clone to_owned as_ref as_mut borrow borrow_mut by_ref unwrap expect lock deref deref_mut into_inner as_deref"
        " as_deref_mut into_iter get_mut"
    ),
)
