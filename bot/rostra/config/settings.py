"""What can be configured: one frozen model, with the defaults that make everything work with no file at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, core_schema
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ..chat import Answerer, Sampling
from ..grants import EVERYBODY, Grant
from ..quotas import Per, Quota
from ..routes import Route
from ..windows import Window
from .permissions import Permissions

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    """A table whose keys are all known here."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Table(BaseModel):
    """The table of one component: its ``kind``, and ``options`` that its own settings model checks later.

    ``kind`` is the name of an entry point, or a local file: ``"./my_moderator.py:judge"``.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    kind: Annotated[str, Field(min_length=1)]

    @property
    def options(self) -> Mapping[str, Any]:
        """Everything but ``kind``, as it was written."""
        return MappingProxyType(self.model_extra or {})

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Name the options only: their values may be secrets."""
        return [("kind", self.kind), ("options", sorted(self.options))]


@dataclass(frozen=True, slots=True)
class Written:
    """Says that values of type ``value`` are written as ``table`` in the configuration."""

    table: type[BaseModel]
    value: type

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(given: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Any:
            if isinstance(given, self.value):
                return given
            table: BaseModel = check(given)
            fields = {name: getattr(table, name) for name in self.table.model_fields}
            return self.value(**{"name": "", **fields} if self.value is Answerer else fields)

        return core_schema.no_info_wrap_validator_function(read, handler(self.table))


class SamplingTable(_Section):
    """``[answerers.NAME.sampling]``: how to pick tokens."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Count = Sampling().max_tokens
    stop: tuple[str, ...] = ()
    seed: int | None = None


class AnswererTable(_Section):
    """``[answerers.NAME]``. ``model`` is a ``[models.NAME]``, the first one by default."""

    model: str = ""
    persona: str = "assistant"
    prompt: str = ""
    sampling: Annotated[Sampling, Written(SamplingTable, Sampling)] = Sampling()


class RouteTable(_Section):
    """``[[routes]]``: the first whose ``place`` fits wins."""

    place: Annotated[str, Field(min_length=1)] = "*"
    answerer: str = "default"
    policy: str = "default"


class QuotaTable(_Section):
    """``[[quotas]]``: how much may be used of messages, tokens and money in each hour, day, week or month."""

    name: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_-]{0,31})?$")] = ""
    who: Grant = EVERYBODY
    place: Annotated[str, Field(min_length=1)] = "*"
    per: Per = "person"
    window: Window = "day"
    messages: Count | None = None
    tokens: Count | None = None
    cost: Annotated[float, Field(gt=0)] | None = None


class Persona(_Section):
    """``[personas.NAME]``: the system prompt that makes a model speak as somebody."""

    prompt: str


PERSONAS: Mapping[str, Persona] = MappingProxyType(
    {
        "assistant": Persona(prompt="You are a helpful assistant."),
        "tutor": Persona(
            prompt="You are a patient tutor. Explain step by step in simple words, and end with one question"
            " that checks understanding."
        ),
        "pirate": Persona(
            prompt="You are a cheerful pirate. Answer helpfully and briefly, in pirate speech."
        ),
    }
)


class Limits(_Section):
    """``[limits]``: how much is answered at once, and for how long."""

    per_person_per_minute: Count = 20
    per_place_per_minute: Count = 60
    burst: Count = 10
    concurrent: Count = 64
    waiting: Count = 1000
    waiting_per_place: Count = 20
    answer_seconds: Seconds = 120.0
    first_token_seconds: Seconds = 60.0


class MemorySettings(_Section):
    """``[memory]``: what a model is told of what was said before."""

    utterances: Annotated[int, Field(ge=2)] = 80
    summary: bool = False
    summary_tokens: Annotated[int, Field(ge=32)] = 200


class DeliverySettings(_Section):
    """``[delivery]``: how stubbornly replies are sent; delays in seconds."""

    attempts: Count = 8
    first_delay: Seconds = 0.5
    longest_delay: Seconds = 60.0
    grace_seconds: Seconds = 10.0


class StorageSettings(_Section):
    """``[storage]``. ``url`` is empty for SQLite in the data folder; it may hold a password."""

    url: Annotated[str, Field(repr=False)] = ""
    retention_days: Count = 30
    master_key: SecretStr | None = None


class LogSettings(_Section):
    """``[log]``. ``content`` lets message text into the log: for debugging on one's own machine only."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    content: bool = False


class RefusalSettings(_Section):
    """``[refusals]``: a folder of templates that goes before the built-in ones, and the default language."""

    folder: Path | None = None
    language: Annotated[str, Field(min_length=2)] = "en"


class FeedbackSettings(_Section):
    """``[feedback]``: what people are asked about answers. ``thumbs`` puts buttons under them, where there are buttons."""

    thumbs: bool = True


def _tables(**kinds: str) -> dict[str, Table]:
    return {name: Table(kind=kind) for name, kind in kinds.items()}


class Settings(BaseSettings):
    """The whole configuration. Read it with `rostra.config.load`; constructed directly, it reads nothing."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data: Path = Field(default_factory=lambda: user_data_path("rostra"))
    adapters: dict[str, Table] = Field(default_factory=lambda: _tables(console="console"))
    models: dict[str, Table] = Field(default_factory=lambda: _tables(embedded="local"), min_length=1)
    scorers: dict[str, Table] = Field(default_factory=dict[str, Table])
    moderators: dict[str, Table] = Field(
        default_factory=lambda: _tables(rules="rules", classifier="classifier")
    )
    commands: dict[str, Table] = Field(default_factory=dict[str, Table])
    stages: dict[str, Table] = Field(default_factory=dict[str, Table])
    answerers: dict[str, Annotated[Answerer, Written(AnswererTable, Answerer)]] = Field(
        default_factory=dict[str, Answerer], validate_default=True
    )
    personas: dict[str, Persona] = Field(default_factory=dict[str, Persona], validate_default=True)
    policies: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    moderation: dict[str, Any] = Field(default_factory=dict[str, Any])
    routes: tuple[Annotated[Route, Written(RouteTable, Route)], ...] = ()
    permissions: Permissions = Permissions()
    quotas: tuple[Annotated[Quota, Written(QuotaTable, Quota)], ...] = ()
    limits: Limits = Limits()
    memory: MemorySettings = MemorySettings()
    delivery: DeliverySettings = DeliverySettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()
    refusals: RefusalSettings = RefusalSettings()
    feedback: FeedbackSettings = FeedbackSettings()

    _source: Path | None = PrivateAttr(default=None)
    _base: Path = PrivateAttr(default_factory=Path.cwd)
    _environment: Mapping[tuple[str, ...], str] = PrivateAttr(default_factory=dict[tuple[str, ...], str])

    @property
    def source(self) -> Path | None:
        """The file this was read from; None where there was none."""
        return self._source

    @property
    def base(self) -> Path:
        """The folder that relative paths start from: the file's, else the working directory."""
        return self._base

    @property
    def environment(self) -> Mapping[tuple[str, ...], str]:
        """The environment variables this was read from, by the key they set: ``("log", "level")``."""
        return self._environment

    def read_from(
        self, source: Path | None, base: Path, environment: Mapping[tuple[str, ...], str]
    ) -> Settings:
        """Return a copy that says where it came from, its own paths made absolute."""
        folder = self.refusals.folder
        found = self.model_copy(
            update={
                "data": (Path.cwd() if ("data",) in environment else base) / self.data.expanduser(),
                "refusals": self.refusals.model_copy(
                    update={"folder": folder and base / folder.expanduser()}
                ),
            }
        )
        found._source, found._base, found._environment = source, base, environment  # noqa: SLF001  its own copy
        return found

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but the arguments: `rostra.config.load` knows which file and environment are meant."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("personas")
    @classmethod
    def _beside_the_built_in(cls, personas: dict[str, Persona]) -> dict[str, Persona]:
        return {**PERSONAS, **personas}

    @field_validator("answerers")
    @classmethod
    def _named(cls, answerers: dict[str, Answerer], info: ValidationInfo) -> dict[str, Answerer]:
        first: str = next(iter(info.data.get("models", ())), "")
        named = {
            name: replace(answerer, name=name, model=answerer.model or first)
            for name, answerer in answerers.items()
        }
        other = next(iter(named.values()), Answerer(name="default", model=first))
        return named if "default" in named else {"default": replace(other, name="default"), **named}
