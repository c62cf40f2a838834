"""Models that run in this process, on CTranslate2."""
