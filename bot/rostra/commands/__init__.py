"""Commands that every bot has."""
