"""Which components name which others, and the order in which they are opened because of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from pydantic import BaseModel

from ..components import Kind, Names
from ..errors import ConfigError
from .load import table_of
from .problems import Loc, suggestion
from .settings import Settings

Node: TypeAlias = tuple[Kind, str]
"""A component's table: its kind and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another component that a component's settings name, and where they do."""

    kind: Kind
    name: str
    at: Loc


def references(settings: BaseModel) -> Sequence[Reference]:
    """Return what the fields marked with `rostra.components.Names` name, in their order."""
    return list(_in_model(settings, ()))


def in_order(settings: Settings, own: Mapping[Node, BaseModel]) -> Sequence[Node]:
    """Return the tables in ``own`` so that each comes after those it names, else in their order.

    ``own`` has the components' own settings; a table that is not in it names nothing. Raises `ConfigError` with a line
    for each name that the configuration does not have, and for each circle.
    """
    walk = _Walk(settings, own)
    for node in own:
        walk.visit(node)
    if walk.problems:
        raise ConfigError("\n".join(walk.problems))
    return [node for node in walk.done if node in own]


@dataclass(slots=True)
class _Walk:
    settings: Settings
    own: Mapping[Node, BaseModel]
    done: dict[Node, None] = field(default_factory=dict["Node", None])
    under_way: list[Node] = field(default_factory=list["Node"])
    problems: list[str] = field(default_factory=list[str])

    def visit(self, node: Node) -> None:
        if node in self.done:
            return
        self.under_way.append(node)
        for one in references(self.own[node]) if node in self.own else ():
            self._follow(node, one)
        self.under_way.pop()
        self.done[node] = None

    def _follow(self, node: Node, one: Reference) -> None:
        where = table_of(self.settings, *node)
        named = (one.kind, one.name)
        known: Mapping[str, object] = getattr(self.settings, one.kind)
        if one.name not in known:
            hint = suggestion(one.name, list(known)) or "; there is none"
            what = f" = {one.name!r}: there is no [{one.kind}.{one.name}]{hint}"
            self.problems.append(where.problem(one.at, what))
        elif named in self.under_way:
            circle = [*self.under_way[self.under_way.index(named) :], named]
            names = " → ".join(f"{kind}.{name}" for kind, name in circle)
            self.problems.append(where.problem(one.at, f" = {one.name!r}: a circle, {names}"))
        else:
            self.visit(named)


def _in_model(model: BaseModel, at: Loc) -> Iterator[Reference]:
    for name, info in type(model).model_fields.items():
        value: object = getattr(model, name)
        here = (*at, info.alias or name)
        marks = [mark for mark in info.metadata if isinstance(mark, Names)]
        for mark in marks:
            yield from (
                Reference(kind=mark.kind, name=one, at=deeper) for one, deeper in _names(value, here) if one
            )
        if not marks:
            yield from _inside(value, here)


def _inside(value: object, at: Loc) -> Iterator[Reference]:
    if isinstance(value, BaseModel):
        yield from _in_model(value, at)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(cast("Sequence[object]", value)):
            yield from _inside(one, (*at, number))
    elif isinstance(value, Mapping):
        for key, one in cast("Mapping[str, object]", value).items():
            yield from _inside(one, (*at, key))


def _names(value: object, at: Loc) -> Iterator[tuple[str, Loc]]:
    if isinstance(value, str):
        yield value, at
    elif isinstance(value, list | tuple):
        yield from ((one, (*at, number)) for number, one in enumerate(cast("Sequence[str]", value)))
    elif isinstance(value, Mapping):
        yield from ((key, (*at, key)) for key in cast("Mapping[str, object]", value))
