"""Models that other programs keep on this machine: Ollama, LM Studio, llama.cpp, and the hub's cache.

Their folders are foreign: they are walked within bounds, no folder behind a link is entered, and nothing in them is
changed. Start at `finding.find_models`.
"""
