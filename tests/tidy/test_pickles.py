"""Files from a disk are data: the program never unpickles, and the training recipe loads only weights."""

from __future__ import annotations

import ast
import tomllib

from tests.tidy.tree import NOT_SHIPPED, ROOT, Source, read_modules

# Modules that run code in files that they load, or load pickles.
RUNS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "diskcache"}
# Modules whose pipes pickle.
SENDS = {"multiprocessing"}


def read_recipe() -> tuple[Source, ...]:
    """Return the source of the training recipe, whose modules are not shipped."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / NOT_SHIPPED).rglob("*.py"))}
    return tuple(Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text)) for path, text in texts.items())


def get_keyword(call: ast.Call, name: str) -> object:
    """Return the value of the keyword argument `name`; None if it is missing or not a constant."""
    values = (word.value for word in call.keywords if word.arg == name)
    return next((value.value for value in values if isinstance(value, ast.Constant)), None)


def test_no_module_imports_a_module_that_unpickles() -> None:
    found = {source.path: set(source.imports) & (RUNS | SENDS) for source in (*read_modules(), *read_recipe())}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_dependency_unpickles() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = " ".join(project["project"]["dependencies"])
    locked = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("requirements*.lock")}
    assert len(locked) >= 3
    for name in ("diskcache", "joblib", "dill", "cloudpickle"):
        assert name not in wanted
        assert [file for file, text in locked.items() if f"\n{name}==" in text] == []


def test_arrays_and_checkpoints_are_loaded_without_objects() -> None:
    found = []
    for source in (*read_modules(), *read_recipe()):
        for name, call in source.calls:
            if name == "torch.load":
                found.append(get_keyword(call, "weights_only") is True)
            elif name in {"np.load", "numpy.load"}:
                found.append(get_keyword(call, "allow_pickle") is not True)
    assert found != []
    assert all(found)
