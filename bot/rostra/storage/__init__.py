"""What the core keeps: in memory for trials, in SQLite or PostgreSQL for good."""
