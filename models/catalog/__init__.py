"""The catalog of models: bundled, published, and found on this machine; pulling, converting and removing them."""
