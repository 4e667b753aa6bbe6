"""What people read instead of an answer: jinja2 templates by reason, language and place.

A template never sees the text that was refused. The built-in ones lie in ``templates/refusals/LANGUAGE/REASON.j2``;
a folder of the operator's own, of the same shape, goes before them, and in it ``places/PATTERN/LANGUAGE/…`` before
that. A slash in the name of a category is written as a dot (``self-harm.intent.j2``), and since a folder's name holds no
slash either, ``?`` or ``*`` stands for it in a pattern over `Place.key` (``discord?*``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import structlog
from jinja2 import ChainableUndefined, Environment, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .errors import ConfigError
from .places import Place

REASONS = (
    "blocked",
    "broken",
    "busy",
    "limit",
    "quota",
    "deadline",
    "stopped",
    "model",
    "unjudgeable",
    "language",
    "review",
    "warn",
    "timeout",
    "repeated",
    "error",
)
"""Why there is a refusal, where it is not for a category of `rostra.verdicts.CATEGORIES`."""

BUILT_IN = Path(__file__).parent / "templates" / "refusals"

_NAME = re.compile(r"[\w.:/@+-]{1,64}")
_PLACES = 10_000  # places come and go; looking a template up again is cheap


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """Templates of one folder: for the places that ``pattern`` fits, by language and reason."""

    pattern: str
    templates: Mapping[tuple[str, str], Template]


class Refusals:
    """Renders refusals."""

    def __init__(self, folder: Path | None = None, *, language: str = "en") -> None:
        """``folder``: the operator's own templates; ``language``: what is spoken where nothing else is asked for.

        Raises `ConfigError` if a file in the folder is no template.
        """
        self._language = language
        own = _own(folder) if folder is not None else []
        self._layers = (*own, _built_in())
        self._found: dict[tuple[str, str, str], tuple[Template, ...]] = {}

    def render(
        self, reason: str, *, place: Place, trace: str, language: str = "", **facts: str | float
    ) -> str:
        """Return the refusal for ``reason``: a category of `rostra.verdicts.CATEGORIES` or one of `REASONS`.

        ``trace`` is the id of the reply, for operators to look up; ``facts`` are numbers and names for the template. A
        fact that is neither (it has spaces, or is longer than 64 characters) is left out, as if it had not been given.
        Falls back from a sub-category to its category to ``blocked``, and from ``language`` (by default that of all
        refusals) to English.
        """
        language = language or self._language
        known = {
            name: fact for name, fact in facts.items() if not isinstance(fact, str) or _NAME.fullmatch(fact)
        }
        for template in self._candidates(reason, place, language):
            try:
                return template.render(known, reason=reason, trace=trace, language=language).strip()
            except Exception as error:  # noqa: BLE001  an operator's template may do anything; the next one serves
                structlog.get_logger(__name__).warning(
                    "refusal template failed", template=template.name, error=type(error).__name__
                )
        raise AssertionError("the built-in templates render with any facts")

    def _candidates(self, reason: str, place: Place, language: str) -> tuple[Template, ...]:
        """Return the templates that fit, the best first: the reason counts most, then the language, then the folder."""
        key = (reason, language, place.key)
        found = self._found.get(key)
        if found is None:
            layers = [layer for layer in self._layers if fnmatchcase(place.key, layer.pattern)]
            names = [
                (tongue, cause)
                for cause in dict.fromkeys((reason, reason.partition("/")[0], "blocked"))
                for tongue in dict.fromkeys((language, re.split("[-_]", language)[0], "en"))
            ]
            found = tuple(
                layer.templates[name] for name in names for layer in layers if name in layer.templates
            )
            if len(self._found) > _PLACES:
                self._found.clear()
            self._found[key] = found
        return found


def _environment() -> Environment:
    # What comes out is Markdown; each adapter escapes for its own platform.
    return ImmutableSandboxedEnvironment(autoescape=False, undefined=ChainableUndefined, trim_blocks=True)


@lru_cache(maxsize=1)
def _built_in() -> _Layer:
    return _layer("*", BUILT_IN)


def _own(folder: Path) -> list[_Layer]:
    """Return the layers of an operator's folder, those for places first, long patterns before short ones."""
    if not folder.is_dir():
        raise ConfigError(f"no folder {str(folder)!r} with templates for refusals")
    patterns = sorted((each for each in folder.glob("places/*") if each.is_dir()), key=_by_length)
    return [*(_layer(each.name, each) for each in patterns), _layer("*", folder)]


def _by_length(folder: Path) -> tuple[int, str]:
    return -len(folder.name), folder.name


def _layer(pattern: str, folder: Path) -> _Layer:
    environment = _environment()
    return _Layer(pattern=pattern, templates=dict(_templates(environment, folder)))


def _templates(environment: Environment, folder: Path) -> Iterator[tuple[tuple[str, str], Template]]:
    for file in sorted(folder.glob("*/*.j2")):
        try:
            template = environment.from_string(file.read_text(encoding="utf-8"))
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the refusal template {str(file)!r} cannot be used: {error}") from error
        template.name = file.name
        yield (file.parent.name, file.stem.replace(".", "/")), template
