"""One text and its tree: languages, grammars, spans, symbols, layout, tokens. Imports nothing else of the project."""
