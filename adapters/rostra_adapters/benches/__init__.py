"""What the adapters cost, beside bare clients of their platforms."""
