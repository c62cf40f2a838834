"""Detection of instructions that ask to remove code; otherwise code that an answer leaves out stays.

Start at `asks_to_remove`.
"""

from __future__ import annotations

import re

# Beginnings of words, in the languages that people ask in most.
_REMOVE = """
    remov delet drop strip eras clear eliminat discard omit prun trim disabl shorten simplif reduc
    unus unreachab redundan duplicat unnecessar needless useless superfluous dead\\b debug leftover obsolet deprecat
    entfern lösch überflüssig ungenutzt supprim enlev enlèv effac retir inutil
    elimin borra borre quita quite\\s remova remover exclu apag rimuov cancell usuń usun
    удал убер убра
"""  # noqa: RUF001 (Russian)
_REPLACE = """
    renam replac inlin move moving extract convert combin merg fold\\b unif split instead join collaps turn\\b call\\s
    ersetz umbenenn benenn verschieb remplac renomm déplac reemplaz renombr mueve substitu renome
    sostitui rinomin spost zamień замен переимен
"""
_REMOVES = re.compile(
    rf"(?i)\b(?:{'|'.join(_REMOVE.split())})|comment\w*\b.*\bout\b|\bget\s+rid\b|\bno\s+longer\b|\bnever\b"
    "|删除|移除|去掉|刪除|削除|除去|삭제|제거"
)
_REPLACES = re.compile(rf"(?i)\b(?:{'|'.join(_REPLACE.split())})|替换|重命名|置き換え|바꿔")
_KEEPS = re.compile(r"(?i)\b(?:never|don't|do\s+not|without)\s+(?:\w+\s+)?(?:remov|delet|drop|chang|renam|touch)\w*")


def asks_to_remove(words: str) -> bool:
    """Return whether a person's `words` ask to remove code."""
    return bool(_REMOVES.search(_KEEPS.sub("", words)))


def asks_to_remove_or_replace(words: str) -> bool:
    """Return whether a person's `words` ask to remove, replace, move or rename code."""
    return asks_to_remove(words) or bool(_REPLACES.search(_KEEPS.sub("", words)))
