"""Collect the pages of the site: README.md and all that it links to, directly or through other pages.

The pages keep their places in the tree, so that one link works in a copy of the repository, on a forge and on the site;
the site's generator then checks every link and anchor. Run as a script (`make docs`). Start at `collect`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.tidy.links import find_links  # noqa: E402 (as a script this file finds the tests by the line above)

START = ROOT / "README.md"
CONFIGURATION = ROOT / "docs" / "zensical.toml"


def collect(target: Path) -> list[Path]:
    """Replace the folder `target` by the pages, the files that they link to, and the configuration.

    Returns:
        The copied pages and files, relative to the repository.

    Raises:
        FileNotFoundError: a page links to a file that does not exist.
    """
    shutil.rmtree(target, ignore_errors=True)
    waiting, copied = [START], set[Path]()
    while waiting:
        file = waiting.pop()
        place = target / "pages" / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)
        copied.add(file)
        if file.suffix == ".md":
            linked = {
                (file.parent / link.path).resolve()
                for link in find_links(file.read_text(encoding="utf-8"))
                if link.path
            }
            waiting += sorted(linked - copied - set(waiting))
    shutil.copy2(CONFIGURATION, target)
    return sorted(file.relative_to(ROOT) for file in copied)


if __name__ == "__main__":
    pages = collect(Path(sys.argv[1]))
    sys.stdout.write(f"{sum(page.suffix == '.md' for page in pages)} pages, {len(pages)} files\n")
