"""What the disk gives: the rate that durable delivery is measured against."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path


def raw_commits(file: Path, commits: int) -> float:
    """Return single-row commits a second with the same safety: WAL and ``synchronous=FULL``."""
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT)")
    start = time.perf_counter()
    for number in range(commits):
        database.execute("BEGIN IMMEDIATE")
        database.execute("INSERT INTO row VALUES (?, ?)", (number, "x" * 100))
        database.execute("COMMIT")
    seconds = time.perf_counter() - start
    database.close()
    return commits / seconds
