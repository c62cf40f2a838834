"""Which models there are: bundled, published, found on this machine; pulling, converting and removing them."""
