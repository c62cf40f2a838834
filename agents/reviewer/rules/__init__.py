"""The rules of the static layer, one module a topic; `registry.py` lists them, `../RULES.md` explains them."""
