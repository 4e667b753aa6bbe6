"""What a model is worth: perplexity, accuracy by source, and answers side by side with another's."""
