"""The console script's entry: it removes untrusted folders from `sys.path`, then runs the command line in `server.cli`.

The program's folders have common names (`server`, `agents`, `models`, `indexing`), and so may a workspace's. Before
anything but `os`, `sys` and `site` (which the interpreter has loaded already) is imported, everything that PYTHONPATH,
the working directory and the script's own directory put on `sys.path` is dropped, so a workspace can neither be run by
us nor break us. What stays: the standard library, our own root, site-packages and what their `.pth` files name.
Start at `main`.
"""

import os
import site
import sys


def main() -> int:
    """Run the command line of this process, with `sys.path` cleaned; return the exit status."""
    sys.path[:] = isolate_path(sys.path)
    from server.cli import run  # noqa: PLC0415 (nothing may be imported before the line above)

    return run(sys.argv[1:])


def isolate_path(path: list[str]) -> list[str]:
    """Return `path` without untrusted entries, in this order: standard library, Starling, site-packages, others."""
    root = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib is not imported yet)
    library, sites = _list_library(), _list_site_packages()
    dropped = {_normalize(entry) for entry in _list_untrusted_entries()}
    own = {_normalize(root), *library, *sites}
    ordered = [
        *(entry for entry in path if _normalize(entry) in library),
        root,
        *(entry for entry in path if _normalize(entry) in sites),
        *(entry for entry in path if _normalize(entry) not in own | dropped),
    ]
    first: dict[str, str] = {}
    for entry in ordered:
        first.setdefault(_normalize(entry), entry)
    return list(first.values())


def _list_untrusted_entries() -> list[str]:
    """Return the untrusted entries of `sys.path`: from PYTHONPATH, the working directory (""), the script's folder."""
    script = [os.path.dirname(sys.argv[0])] if sys.argv and sys.argv[0] not in {"", "-c", "-m"} else []  # noqa: PTH120
    return ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep), *script]


def _list_library() -> set[str]:
    """Return the paths of the standard library: its folder, compiled modules and zip file."""
    pure = os.path.dirname(os.__file__)  # noqa: PTH120
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    beside = (os.path.join(os.path.dirname(pure), zipped), os.path.join(sys.base_prefix, "DLLs"))  # noqa: PTH118, PTH120
    return {_normalize(entry) for entry in (pure, os.path.join(pure, "lib-dynload"), *beside)}  # noqa: PTH118


def _list_site_packages() -> set[str]:
    """Return the folders of installed packages."""
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return {_normalize(entry) for entry in (*site.getsitepackages(), *own)}


def _normalize(entry: str) -> str:
    """Return the real path of the folder `entry` in one spelling; `entry` itself if it cannot be resolved."""
    try:
        return os.path.normcase(os.path.realpath(entry or os.curdir))
    except OSError:
        return entry


if __name__ == "__main__":
    sys.exit(main())
