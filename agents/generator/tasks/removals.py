"""Whether words ask for code to go. Without such words what an answer leaves out stays. Start at `ask_to_remove`."""

from __future__ import annotations

import re

# Beginnings of words, in the languages that people ask in most.
_BEGINNINGS = """
    remov delet drop strip eras clear eliminat discard omit prun trim disabl cut empt simplif shorten short reduc
    renam replac inlin merg mov extract convert combin fold unif split instead join collaps turn
    unus unreachab redundan duplicat unnecessar needless useless superfluous dead debug leftover obsolet deprecat
    entfern lösch ersetz umbenenn benenn verschieb überflüssig ungenutzt
    supprim enlev enlèv effac retir remplac renomm déplac inutil
    elimin borr quit reemplaz renombr mueve remova remover exclu apag substitu renome
    rimuov cancell sostitui rinomin spost usuń usun zamień
    удал убер убра замен переимен
"""  # noqa: RUF001 (Russian)
_BEGINS = re.compile(
    rf"(?i)\b(?:{'|'.join(_BEGINNINGS.split())})|comment\w*\b.*\bout\b|\bget\s+rid\b|\bno\s+longer\b|\bnever\b"
)
_HOLDS = re.compile("删除|移除|去掉|刪除|替换|重命名|削除|除去|置き換え|삭제|제거|바꿔")
_KEEPING = re.compile(r"(?i)\b(?:never|don't|do\s+not|without)\s+(?:\w+\s+)?(?:remov|delet|drop|chang|renam|touch)\w*")


def ask_to_remove(words: str) -> bool:
    """Return whether `words` ask for something to be removed, renamed or replaced."""
    said = _KEEPING.sub("", words)
    return bool(_BEGINS.search(said) or _HOLDS.search(said))
