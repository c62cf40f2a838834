"""Between LSP's types and our own: positions, texts, findings, actions and edits."""
