"""Ranked feedback: what people said which answer is better, kept so that any figure can be made again from it."""
