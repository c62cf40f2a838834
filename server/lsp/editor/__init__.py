"""Everything that involves the editor: its capabilities, settings, progress bars, questions, edits and file events."""
