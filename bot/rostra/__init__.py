"""Rostra: moderated chat models where people talk, and ranked answers to make them better."""
