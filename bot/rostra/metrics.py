"""What happens, counted for Prometheus: never what was said or by whom, and of where only the adapter's name.

Source of names and units: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .actions import Action, Emit, Finish, Retract, Show, Typing
from .clock import Clock
from .lately import Lately
from .turns import Handler, Stage, Trace, Turn

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """The counters of one bot."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.lately = Lately()
        """The same, for a person to read: what the last hour brought."""
        self._turns = Counter(
            "rostra_turns", "Replies that came to an end.", ["adapter", "ending"], registry=self._registry
        )
        self._verdicts = Counter(
            "rostra_verdicts",
            "What moderation decided.",
            ["adapter", "direction", "decision", "kind"],
            registry=self._registry,
        )
        self._tokens = Counter(
            "rostra_tokens", "What models read and wrote.", ["adapter", "kind"], registry=self._registry
        )
        self._seconds = Histogram(
            "rostra_turn_seconds",
            "From the question to the end.",
            ["adapter"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._first = Histogram(
            "rostra_first_text_seconds",
            "From the question to the first text shown.",
            ["adapter"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._under_way = Gauge(
            "rostra_turns_under_way", "Replies that are being made.", ["adapter"], registry=self._registry
        )
        self._dead = Gauge(
            "rostra_dead_letters", "Replies that could not be delivered.", registry=self._registry
        )

    def exposed(self, *, dead: int) -> bytes:
        """Return everything in Prometheus' text form; ``dead`` is how many replies could not be delivered."""
        self._dead.set(dead)
        return generate_latest(self._registry)

    def stage(self, clock: Clock) -> Stage:
        """Count every turn that goes through; the outermost of all stages."""

        def stage(inner: Handler) -> Handler:
            async def handle(turn: Turn, emit: Emit) -> None:
                adapter = turn.place.adapter
                began, ending = clock.monotonic(), "none"
                waited: float | None = None

                async def heard(action: Action) -> None:
                    nonlocal ending, waited
                    if waited is None and not isinstance(action, Typing):
                        waited = clock.monotonic() - began
                    ending = _ending(action) or ending
                    await emit(action)

                under_way = self._under_way.labels(adapter)
                under_way.inc()
                try:
                    await inner(turn, heard)
                except Exception:  # whatever it is, it is counted and goes on
                    ending = "error"
                    raise
                finally:
                    under_way.dec()
                    now = clock.monotonic()
                    self._turns.labels(adapter, ending).inc()
                    self.lately.add(now, adapter, f"turn {ending}")
                    self._seconds.labels(adapter).observe(now - began)
                    if waited is not None:
                        self._first.labels(adapter).observe(waited)
                    self._count(adapter, turn.trace, now)

            return handle

        return stage

    def _count(self, adapter: str, trace: Trace, now: float) -> None:
        for one in trace.verdicts:
            verdict = one.verdict
            decision = verdict.decision.name.lower()
            self._verdicts.labels(adapter, one.direction, decision, verdict.kind).inc()
            self.lately.add(now, adapter, f"{one.direction} {decision}")
        for used in trace.used:
            for kind, many in (
                ("prompt", used.prompt),
                ("completion", used.completion),
                ("cached", used.cached),
            ):
                self._tokens.labels(adapter, kind).inc(many)
                self.lately.add(now, adapter, f"tokens {kind}", many)


def _ending(action: Action) -> str:
    match action:
        case Finish(ending=ending):
            return ending
        case Retract():
            return "content_filter"
        case Show():
            return "shown"
        case _:
            return ""
