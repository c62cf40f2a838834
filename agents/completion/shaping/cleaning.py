"""Removes from a model's text what never belongs into an editor: markers, control characters, lone surrogates.

Start at `clean`.
"""

from __future__ import annotations

import re

# FIM and end markers of StarCoder, Qwen, CodeLlama, DeepSeek, Codestral and Mellum; text after one is another file's.
_MARKER = re.compile(
    r"<\|?(?:fim_[a-z]+|fim[▁_](?:begin|hole|end)|endoftext|end▁of▁sentence|file_sep|file_separator|repo_name|reponame"
    r"|filename|gh_stars|jupyter_[a-z]+|issue_[a-z]+|commit_[a-z]+|empty_output|im_start|im_end|pad|cursor)\|?>"
    r"|<\uff5c(?:fim|begin|end)▁[a-z▁]+\uff5c>"
    r"|<\|?fim_[a-z]*\Z"  # cut short by the token budget
    r"|▁?<(?:PRE|SUF|MID|EOT)>|</?s>|\[(?:PREFIX|SUFFIX|MIDDLE)\]"
)
# C0 except tab and line feed, DEL and C1, bidirectional controls (they make code read otherwise than it runs),
# lone surrogates (no encoding can carry them), the replacement character and noncharacters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffd\ufffe\uffff\x85\u2028\u2029]"
)


def clean(text: str) -> str:
    """Return `text` up to the first marker of a model, with LF line endings and without control characters.

    Direction marks, Unicode's line separators, lone surrogates and U+FFFD are removed too; tabs stay.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    marker = _MARKER.search(text)
    if marker is not None:
        text = text[: marker.start()]
    return _UNWANTED.sub("", text)
