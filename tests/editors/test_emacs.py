"""The real Emacs with eglot: attaches, shows findings in Flymake, applies fixes, and completes.

Emacs runs in batch mode, with the configuration from `docs/editors/emacs.md`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from tests.editors.readme import read_block
from tests.editors.shop import REST

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 120
# Functions for the steps of the tests. `tell` prints a value as one line of JSON.
PRELUDE = r"""
(setq make-backup-files nil create-lockfiles nil auto-save-default nil)
(require 'eglot)
(require 'json)
(defun tell (value) (princ (concat "TOLD " (json-encode value) "\n")))
(defun wait-until (ready)
  (let ((end (+ (float-time) 60)))
    (while (and (not (funcall ready)) (< (float-time) end)) (accept-process-output nil 0.1))
    (or (funcall ready) (error "It did not come"))))
(defun ask (command)
  (jsonrpc-request (eglot-current-server) :workspace/executeCommand (list :command command :arguments [])))
(find-file "order.py")
(apply #'eglot (eglot--guess-contact))
(wait-until (lambda () (equal (plist-get (plist-get (ask "starling.status") :index) :state) "ready")))
(defun found () (mapcar #'flymake-diagnostic-text (flymake-diagnostics)))
(defun text () (buffer-substring-no-properties (point-min) (point-max)))
"""


def run_steps(shop: Path, path: str, steps: str) -> list[Any]:
    """Run Lisp in an Emacs that shows order.py, and return the values that it passed to `tell`."""
    program = os.environ.get("EMACS") or shutil.which("emacs")
    assert program, "no Emacs: `make test-emacs` installs it, or name one in EMACS"
    home = shop.parent / "home"
    home.mkdir()
    script = home / "steps.el"
    script.write_text("\n".join((read_block("Emacs", "elisp", "emacs.md"), PRELUDE, steps)), encoding="utf-8")
    environment = {
        **os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8", "STARLING_HOME": str(home / "starling"),
        "STARLING_MODEL__ENABLED": "false", "PATH": os.pathsep.join((path, os.environ["PATH"])),
    }  # fmt: skip
    done = subprocess.run(
        [program, "--batch", "-Q", "-l", str(script)],
        cwd=shop, env=environment, capture_output=True, text=True, check=False, timeout=WAIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.removeprefix("TOLD ") for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    return [json.loads(line) for line in lines]


def test_it_attaches_and_flymake_shows_the_findings(shop: Path, starling_on_path: str) -> None:
    steps = """
    (tell (if (eglot-managed-p) "attached" "not"))
    (flymake-start)
    (wait-until #'found)
    (tell (vconcat (found)))
    """
    attached, found = run_steps(shop, starling_on_path, steps)
    assert attached == "attached"
    assert any("`os` imported but unused" in one for one in found)


def test_completion_at_point_inserts_the_suggestion(shop: Path, starling_on_path: str) -> None:
    steps = """
    (goto-char (point-max))
    (search-backward "pass")
    (delete-char 4)
    (insert "amount += pri")
    (completion-at-point)
    (tell (text))
    """
    [text] = run_steps(shop, starling_on_path, steps)
    assert text.endswith(f"        amount += pri{REST}\n")


def test_a_quick_fix_is_applied(shop: Path, starling_on_path: str) -> None:
    steps = """
    (flymake-start)
    (wait-until #'found)
    (let ((actions (eglot-code-actions (point-min) (point-min) "quickfix")))
      (tell (vconcat (mapcar (lambda (one) (plist-get one :title)) actions)))
      (eglot-execute (eglot-current-server) (car actions)))
    (wait-until (lambda () (not (string-match-p "import os" (text)))))
    (tell (text))
    """
    titles, text = run_steps(shop, starling_on_path, steps)
    assert "unused import" in titles[0]
    assert text.lstrip("\n").startswith("def value_of_order")
