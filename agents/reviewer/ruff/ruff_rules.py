"""The rules of ruff that are enabled if the workspace does not configure ruff, and the severity of their findings.

Data only. Chosen for precision: rules whose findings are nearly always mistakes, none about style or modernisation.
"""

from __future__ import annotations

from agents.findings import Severity

SELECTED = (
    "F",
    *("E902", "PLE"),
    *("B002", "B003", "B004", "B005", "B013", "B014", "B016", "B021", "B022", "B025"),
    *("B029", "B030", "B032", "B033", "B034", "B035", "B039"),
    *("PLW0128", "PLW0129", "PLW0131", "PLW0133", "PLW0245", "PLW0604", "PLW0711"),
    *("PLW1501", "PLW1507", "PLW2101"),
    *("RUF006", "RUF008", "RUF016", "RUF018", "RUF024", "RUF026", "RUF030", "RUF032", "RUF033", "RUF040"),
    *("ASYNC100", "ASYNC210", "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC251"),
    *("LOG014", "S501", "S506", "SIM220", "SIM221"),
)
# Star imports are deliberate; F722 mistakes the strings of an imported `Literal` for types; the next
# four misjudge `a.__all__ + b`, helpers of handlers and unusual signatures; the last equals `hidden-direction`.
IGNORED = ("F403", "F405", "F722", "PLE0302", "PLE0309", "PLE0605", "PLE0704", "PLE2502")
PER_FILE = "__init__.py:F401,**/*compat*.py:F401"  # these files re-export names

PEP8 = ("E", "W", "N801", "N802", "N803", "N804", "N805", "N806", "N815", "N816", "N818")
NOT_PEP8 = ("E226", "E241", "E242", "E704", "W505")  # pycodestyle ignores these by default, because opinions differ
PEP8_LINE = 99  # PEP 8's upper limit for a team's agreement; a configured line length takes precedence

# An error cannot run; a hint changes nothing; what is less certain is less severe.
_HINTS = (
    *("F401", "F504", "F522", "F523", "F541", "F601", "F841", "F842", "RUF059"),
    *("B004", "B033", "B034", "PLE251", "PLW0128", "PLW0604"),
)
_INFORMATION = ("B005", "F811", "F822", "PLE0237", "PLE1310", "RUF006", "RUF024")
_ERRORS = (
    *("E9", "F404", "F406", "F407", "F501", "F502", "F505", "F506", "F507", "F508", "F509", "F521", "F524", "F525"),
    *("F62", "F70", "F821", "F823", "B016", "invalid-syntax"),
    *("PLE010", "PLE0115", "PLE0116", "PLE0117", "PLE0118", "PLE0241", "PLE1132", "PLE1142", "PLE1700"),
)
UNNECESSARY = frozenset({"F401", "F811", "F841"})


def choose_severity(code: str) -> Severity:
    """Return the severity of a finding with ruff's code `code`."""
    if code.startswith(_HINTS):
        return Severity.HINT
    if code.startswith(_INFORMATION):
        return Severity.INFORMATION
    return Severity.ERROR if code.startswith(_ERRORS) else Severity.WARNING
