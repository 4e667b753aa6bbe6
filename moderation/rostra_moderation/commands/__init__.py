"""What operators can do about moderation from every platform."""
