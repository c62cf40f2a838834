"""What is read from a disk is data: nothing of the program unpickles, and the recipe takes weights only."""

from __future__ import annotations

import ast
import tomllib

from tests.tidy.tree import NOT_SHIPPED, ROOT, Source, program

# Modules that run what they load, or that load pickles on their own.
RUNS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "diskcache"}
# Its pipes and managers pickle.
SENDS = {"multiprocessing"}


def recipe() -> tuple[Source, ...]:
    """The modules that are not shipped."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / NOT_SHIPPED).rglob("*.py"))}
    return tuple(Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text)) for path, text in texts.items())


def value_of(call: ast.Call, name: str) -> object:
    """A keyword's value, None where it is not given or is no constant."""
    values = (word.value for word in call.keywords if word.arg == name)
    return next((value.value for value in values if isinstance(value, ast.Constant)), None)


def test_no_module_imports_what_unpickles() -> None:
    found = {source.path: set(source.imports) & (RUNS | SENDS) for source in (*program(), *recipe())}
    assert {path: names for path, names in found.items() if names} == {}


def test_no_dependency_is_one_that_unpickles() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = " ".join(project["project"]["dependencies"])
    locked = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("requirements*.lock")}
    assert len(locked) >= 3
    for name in ("diskcache", "joblib", "dill", "cloudpickle"):
        assert name not in wanted
        assert [file for file, text in locked.items() if f"\n{name}==" in text] == []


def test_arrays_and_checkpoints_are_loaded_without_objects() -> None:
    found = []
    for source in (*program(), *recipe()):
        for name, call in source.calls:
            if name == "torch.load":
                found.append(value_of(call, "weights_only") is True)
            elif name in {"np.load", "numpy.load"}:
                found.append(value_of(call, "allow_pickle") is not True)
    assert found != []
    assert all(found)
