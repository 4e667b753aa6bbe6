"""What answering costs, beside others."""
