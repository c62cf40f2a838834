"""Discovery of models that other programs keep on this machine: Ollama, LM Studio, llama.cpp, and the hub's cache.

Their folders belong to other programs: the search has bounds, enters no folder behind a link, and changes nothing.
Start at `search.find_models`.
"""
