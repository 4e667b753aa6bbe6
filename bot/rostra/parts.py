"""What a bot is put together from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .clock import Clock
from .command import Commands
from .config import Settings
from .desk import FrontDesk
from .pages import Pages
from .protocols import Adapter, Model, Moderation
from .refusals import Refusals
from .routes import Routes
from .stores import Store
from .turns import Stage

if TYPE_CHECKING:
    from .metrics import Metrics
    from .vitals import Vitals


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that is open, for those who put an app together themselves."""

    settings: Settings
    store: Store
    models: Mapping[str, Model]
    moderation: Moderation
    adapters: Mapping[str, Adapter]
    commands: Commands
    refusals: Refusals
    clock: Clock
    stages: Sequence[Stage] = ()
    desk: FrontDesk | None = None
    routes: Routes | None = None
    metrics: Metrics | None = None
    vitals: Vitals | None = None
    pages: Pages = field(default_factory=Pages)
