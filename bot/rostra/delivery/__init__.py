"""From an accepted event to a shown reply, through crashes, floods and outages."""
