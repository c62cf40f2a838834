"""Words of comments that say that code is left as it was, in languages other than English.

A comment that consists of such words is a placeholder. Start at `says_unchanged`.
"""

from __future__ import annotations

import re


def _split_words(text: str) -> frozenset[str]:
    """Return the set of the words in `text`."""
    return frozenset(text.split())


# Sufficient alone: "unverändert".
_UNCHANGED = _split_words(
    """
    unverändert unveränderter unveränderte inchangé inchangée inchangés inchangées intact intacte
    inalterado inalterada inalterados igual iguales iguais invariato invariata invariati immutato immutata
    ongewijzigd hetzelfde zmian niezmieniony niezmieniona niezmienione zmieniony
    изменений неизменным неизменной неизменён неизменно прежнему oförändrad oförändrat
    """
)
# Sufficient with one of `_THINGS`: "bestehender Code".
_EXISTING = _split_words(
    """
    bestehender bestehende bestehendes bisheriger bisherige bisher rest restlicher restliche restliches übriger übrige
    übrigen vorhandener vorhandene existierender existant existante existants existantes reste restant restante
    restantes existente existentes resto demás esistente esistenti restante rimanente bestaande overige
    istniejący istniejące istniejąca reszta reszty pozostały pozostałe pozostała
    остальной остальная остальные существующий существующая существующие остаток befintlig
    """
)
_THINGS = _split_words(
    """
    code codes codice codici código códigos kod kodu kody код кода
    klasse methode methoden funktion funktionen datei körper logik implementierung importe
    classe méthode méthodes fonction fonctions fichier corps implémentation imports logique
    clase método métodos función funciones archivo cuerpo implementación lógica
    função funções arquivo corpo implementação metodo metodi funzione funzioni implementazione
    klasy metody funkcji funkcje implementacji класс класса метод метода методы функция функции реализация файл
    klassen metoder bestand functie
    """
)
_FUNCTION_WORDS = _split_words(
    """
    der die das des dem den bleibt bleiben ist sind wie so hier gleich zuvor vorher und alle
    le la les du de des l est sont ici comme avant même mêmes tout toute tous toutes et un une se reste
    el los las del lo permanece permanecen queda sin cambios es son aquí como antes mismo misma y todo toda
    o a os as do da dos das sem mudanças é são aqui mesmo fica e
    il gli i della dello dei delle rimane rimangono resta senza modifiche qui come prima è
    blijft blijven van het zoals hier bez pozostaje pozostają jak tutaj w
    без как остается остаётся остаются остался по здесь и förblir är av resten
    """
)
# Languages that put no spaces between words, or inflect by endings.
_UNSPACED = re.compile(
    r"(?:(?:其余|其他|剩余|现有|原有|已有|已存在|其餘|剩餘|現有|原|既存|残り|元|ほか|他)の?的?"
    r"(?:代码|代碼|程式碼|部分|方法|函数|函數|实现|逻辑|内容|コード|メソッド|関数|実装|処理)"
    r"|(?:기존|나머지|다른)\s*(?:코드|메서드|함수|부분|구현))"
    r"(?:[\s,、はがを은는이가도]|保持|维持|不变|不變|同上|省略|相同|一样|变更なし|変更なし|そのまま|同じ|です|ここ|这里"
    r"|그대로|유지|동일|변경\s*없음|생략|여기)*\Z"
    r"|(?:保持不变|保持不變|省略|不变|変更なし|以下同じ|省略します|변경\s*없음|생략|이하\s*동일)\Z"
)
_AMBIGUOUS = _split_words("igual iguales iguais intact intacte hetzelfde zmian zmieniony изменений прежнему")
_PAIRS = ({"wie", "bisher"}, {"wie", "zuvor"}, {"sin", "cambios"}, {"comme", "avant"}, {"como", "antes"})
_MOST_WORDS = 12


def says_unchanged(words: str) -> bool:
    """Return whether a comment, in a language other than English, says only that code stays as it was."""
    if _UNSPACED.match(words):
        return True
    found = re.findall(r"\w+", words.lower())
    if not found or len(found) > _MOST_WORDS:
        return False
    if any(word not in _UNCHANGED | _EXISTING | _THINGS | _FUNCTION_WORDS for word in found):
        return False
    if any(pair <= set(found) for pair in _PAIRS) or _UNCHANGED & set(found) - (
        _AMBIGUOUS if len(found) == 1 else set()
    ):
        return True
    return any(word in _EXISTING for word in found) and any(word in _THINGS for word in found)
