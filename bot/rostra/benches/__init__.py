"""What ``rostra bench`` runs: one module a bench, each with ``async def bench(quick) -> Report``."""
