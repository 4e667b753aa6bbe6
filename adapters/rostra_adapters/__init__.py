"""Chat platforms, one module each."""
