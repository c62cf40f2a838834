"""Write a scene into a folder, to play it by hand: `python -m tests.scenes NAME FOLDER`.

FOLDER/NAME gets the workspace, and FOLDER/NAME.script the answers of the scripted model.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.scenes.all_scenes import SCENES


def main(name: str, folder: Path) -> None:
    """Write the scene with this name, and print what to do with it."""
    scene = next(one for one in SCENES if one.name == name)
    workspace = scene.write_workspace(folder / name)
    script = folder / f"{name}.script"
    script.write_text(scene.script, encoding="utf-8")
    sys.stdout.write(f"starling models script {script} --port 8123\n")
    sys.stdout.write("export STARLING_CHAT__URL=http://127.0.0.1:8123/v1 STARLING_CHAT__MODEL=scripted\n")
    for at, turn in enumerate(scene.turns):
        command = "do" if turn.acts else "ask"
        goes_on = " --continue" if at else ""
        sys.stdout.write(f'starling {command}{goes_on} -w {workspace} "{turn.request}"\n')


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
