"""Suggestions by what names mean: members of receivers, and the arguments that a call lacks."""
