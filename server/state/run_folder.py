"""The folder for sockets and locks, found without slow imports if a variable names it. Start at `find_run_folder`."""

import os
import sys

HOME_VARIABLE = "STARLING_HOME"
RUNTIME_VARIABLE = "XDG_RUNTIME_DIR"


def find_run_folder() -> str:
    """Return the folder that STARLING_HOME, or on Linux XDG_RUNTIME_DIR, leads to; "" if neither names one.

    For "" the platform has to be asked (`server.state.paths.run_dir`).
    """
    if named := os.environ.get(HOME_VARIABLE, "").strip():
        home = os.path.expanduser(named)  # noqa: PTH111 (pathlib takes 5 ms that an editor would wait for, as below)
        if named.startswith("~") and not os.path.isabs(home):  # noqa: PTH117
            return ""
        return os.path.join(os.path.abspath(home), "run")  # noqa: PTH100, PTH118
    runtime = os.environ.get(RUNTIME_VARIABLE, "").strip() if sys.platform == "linux" else ""
    return os.path.join(runtime, "starling") if os.path.isabs(runtime) else ""  # noqa: PTH117, PTH118
