"""Rules of the static layer, one module for each topic; `all_rules.py` lists them, `../RULES.md` explains them."""
