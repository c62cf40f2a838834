"""Recipe of the bundled completion model: data, tokenizer, samples, train, evaluate, convert.

One command per stage (`python -m models.training STAGE --help`); each reads the results of the previous stage in one
work folder and can be run again. Needs the `training` extra; nothing here is in the wheel and nothing of the product
imports it. Start at `README.md` beside this file, then `__main__`.
"""
