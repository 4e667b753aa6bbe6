"""What moderation costs and catches, beside what others do."""
