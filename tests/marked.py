"""Test fixtures as one readable string: `#- path` starts a file, `$0` is the cursor.

```
#- shapes.py
def area(r): return 3.14 * r * r
#- main.py
from shapes import area
print(are$0)
```
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE_MARK = re.compile(r"^#- (\S+)\n", re.MULTILINE)
CURSOR = "$0"


@dataclass(frozen=True)
class Marked:
    """Files by relative path (cursor removed), and where the cursor stands: (path, code-point offset), or None."""

    files: dict[str, str]
    cursor: tuple[str, int] | None

    @property
    def text(self) -> str:
        """Text of the file with the cursor."""
        assert self.cursor is not None
        return self.files[self.cursor[0]]

    def write(self, root: Path) -> Path:
        """Write all files under `root` and return it."""
        for relative, text in self.files.items():
            path = root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return root


def parse(fixture: str, default: str = "main.py") -> Marked:
    """Read a fixture; text before the first `#- path` belongs to the file `default`."""
    fixture = textwrap.dedent(fixture.lstrip("\n") if "\n" in fixture else fixture)
    pieces = FILE_MARK.split(fixture)
    files = {default: pieces[0]} if pieces[0].strip() or len(pieces) == 1 else {}
    files |= dict(zip(pieces[1::2], pieces[2::2], strict=True))
    cursor = None
    for path, text in files.items():
        if (at := text.find(CURSOR)) >= 0:
            assert cursor is None, "a fixture has one cursor"
            files[path] = text.replace(CURSOR, "", 1)
            cursor = (path, at)
    return Marked(files, cursor)
