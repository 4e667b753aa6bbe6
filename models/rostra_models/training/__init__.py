"""The stages of training, one recipe a file: serving never imports this package, and only ``rostra train`` imports it."""
