"""Datasets from ranked feedback: frozen selections, files that others can read, and the way back."""
