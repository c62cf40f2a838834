"""What is asked of the editor: its traits, settings, progress bars, questions and edits."""
