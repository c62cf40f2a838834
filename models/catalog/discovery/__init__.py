"""Discovery of models that other programs keep on this machine: Ollama, LM Studio, llama.cpp, and the hub's cache.

Their folders are foreign: they are searched within bounds, folders behind links are not entered, and nothing in them is
changed. Start at `search.find_models`.
"""
