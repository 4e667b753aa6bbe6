"""Requests that wait for a seat: first come first served in a place, and places by turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from .request import Request


class Waiting:
    """A queue for each place. The next is from the place with the fewest answers in the making, by turns."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Request]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, request: Request) -> None:
        self._queues.setdefault(request.place, deque()).append(request)

    def next(self, running: Mapping[str, int]) -> Request | None:
        """Return whose turn it is; ``running`` counts answers in the making by place."""
        place = min(self._queues, key=lambda place: running.get(place, 0), default=None)
        return None if place is None else self._queues[place][0]

    def take(self, request: Request) -> None:
        """Take out what `next` returned; its place goes to the end of the round."""
        queue = self._queues.pop(request.place)
        queue.popleft()
        if queue:
            self._queues[request.place] = queue

    def remove(self, number: int) -> bool:
        """Take out the request with this id, wherever it stands. Return whether it was there."""
        for place, queue in self._queues.items():
            for request in queue:
                if request.id == number:
                    queue.remove(request)
                    if not queue:
                        del self._queues[place]
                    return True
        return False
