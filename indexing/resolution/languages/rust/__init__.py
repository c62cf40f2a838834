"""Resolution in Rust."""
