"""What operators changed in policies, in a store that forgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..clock import Clock
from ..places import Person
from ..stores import PolicyChange
from .memory_keys import Audit


class MemoryPolicies:
    """A `rostra.stores.Policies` that lives as long as the process."""

    def __init__(self, clock: Clock, audit: Audit) -> None:
        self._policy_clock = clock
        self._policy_audit = audit
        self._policies: dict[str, list[PolicyChange]] = {}

    async def policies(self) -> Mapping[str, PolicyChange]:
        return {policy: versions[-1] for policy, versions in self._policies.items()}

    async def policy_changes(self, policy: str, limit: int = 20) -> Sequence[PolicyChange]:
        versions = self._policies.get(policy, [])
        return versions[::-1][: max(limit, 0)]

    async def change_policy(
        self, policy: str, table: Mapping[str, Any], *, what: str, actor: Person | None, adapter: str = ""
    ) -> PolicyChange:
        del adapter  # a person is kept as given
        versions = self._policies.setdefault(policy, [])
        change = PolicyChange(
            policy=policy,
            number=len(versions) + 1,
            at=self._policy_clock.now(),
            what=what,
            table=dict(table),
            by="" if actor is None else actor.id,
        )
        versions.append(change)
        await self._policy_audit(actor, "change policy", f"policy {policy}", {"version": str(change.number)})
        return change
