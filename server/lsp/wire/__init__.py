"""JSON-RPC: framing, byte streams, messages, parsing into LSP's types, dispatch, and the guard around handlers."""
