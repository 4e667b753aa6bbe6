"""The policies in force: the configuration's, with what operators changed laid over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import structlog

from .policy import Policy, PolicySettings

Tree = dict[str, Any]


class Rulebook:
    """Policies by name. `of` is cheap and always up to date with the changes made in this process.

    The moderation makes one of its settings, loads it from the register before the first turn (`take`), and asks it for
    every passage; operators' commands change it.
    """

    def __init__(self, base: Mapping[str, PolicySettings]) -> None:
        """Take the configuration's policies; ``default`` exists anyway."""
        self.base: Mapping[str, PolicySettings] = {"default": PolicySettings(), **base}
        self._over: dict[str, PolicySettings] = {}
        self._policies: dict[str, Policy] = {}
        self._make()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all policies."""
        return tuple(self.base)

    def of(self, name: str) -> Policy | None:
        """Return the policy in force under ``name``, None where there is none."""
        return self._policies.get(name)

    def over(self, name: str) -> PolicySettings:
        """Return what operators changed in the policy ``name``."""
        return self._over.get(name) or PolicySettings()

    def take(self, over: Mapping[str, PolicySettings]) -> None:
        """Have ``over`` be all that operators changed. What no longer fits the configuration is left out, and logged."""
        self._over = dict(over)
        self._make()

    def settings(self, name: str, over: PolicySettings | None = None) -> PolicySettings:
        """Return the policy ``name`` of the configuration with ``over`` (what is in force, by default) laid over it.

        Raises `KeyError` for a name that the configuration has not, `ValueError` where both do not fit together.
        """
        above = self.over(name) if over is None else over
        if not above.model_fields_set:
            return self.base[name]
        return PolicySettings.model_validate(merged(tree(self.base[name]), tree(above)))

    def _make(self) -> None:
        plain = {name: self._fitting(name) for name in self.base}
        alone = {name: Policy(settings) for name, settings in plain.items()}
        self._policies = {name: self._with_shadow(name, policy, alone) for name, policy in alone.items()}

    def _fitting(self, name: str) -> PolicySettings:
        try:
            return self.settings(name)
        except ValueError:  # not its own words: they quote the table
            structlog.get_logger(__name__).error(
                "what operators changed does not fit the configuration", policy=name
            )
            return self.base[name]

    def _with_shadow(self, name: str, policy: Policy, others: Mapping[str, Policy]) -> Policy:
        beside = policy.settings.shadow
        if not isinstance(beside, str) or not beside or beside == name or beside not in others:
            return policy
        return Policy(policy.settings, beside=(beside, others[beside]))


def tree(settings: PolicySettings) -> Tree:
    """Return what ``settings`` say, and nothing that they leave to wider tables, as plain data."""
    found: Tree = settings.model_dump(mode="json", exclude_unset=True)
    return found


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Return ``base`` with ``over`` laid over it: tables are joined, everything else is replaced."""
    result: Tree = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = merged(cast("Tree", below), cast("Tree", value))
        else:
            result[key] = value
    return result
