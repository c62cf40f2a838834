"""The team's tools, one module for each; to add one: a module with a `TOOL`, and a line in `all_tools`."""
