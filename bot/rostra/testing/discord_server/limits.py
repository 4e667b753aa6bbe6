"""What Discord puts up with in a message, a form and a command; more is refused with 50035.

https://docs.discord.com/developers/components/reference, …/resources/message, …/interactions/application-commands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .components import BUTTON, LABEL, ROW, SELECTS, STRING_SELECT, TEXT_DISPLAY, TEXT_INPUT, walk
from .refusals import Refused, empty, invalid, too_long
from .world import COMPONENTS_V2, Json, Post

CONTENT, EMBEDS, EMBED_TEXT, DESCRIPTION, FILES = 2000, 10, 6000, 4096, 10
FILE_BYTES = 10 * 1024 * 1024
CUSTOM_ID, BUTTON_LABEL, OPTIONS, OPTION_LABEL, PLACEHOLDER = 100, 80, 25, 100, 150
V2_COMPONENTS, V2_TEXT, ROWS, ROW_BUTTONS = 40, 4000, 5, 5
TITLE, FORM_PARTS, INPUT, INPUT_LABEL = 45, 5, 4000, 45
COMPLETIONS, CHOICE = 25, 100
COMMANDS, COMMAND_OPTIONS, COMMAND_TEXT = 100, 25, 8000

_LAYOUT = frozenset({9, 10, 11, 12, 13, 14, 17})
_NAME = re.compile(r"[-_'\w]{1,32}")


def check_message(post: Post) -> None:
    """Raise `Refused` for a message that Discord would not take."""
    if not (post.text or post.components or post.embeds or post.files):
        raise empty()
    if len(post.text) > CONTENT:
        raise too_long("content", CONTENT)
    if len(post.embeds) > EMBEDS:
        raise too_long("embeds", EMBEDS)
    if sum(map(_embed_text, post.embeds)) > EMBED_TEXT:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TEXT}")
    if len(post.files) > FILES:
        raise too_long("attachments", FILES)
    if any(len(file.data) > FILE_BYTES for file in post.files):
        raise Refused(413, 40005, "Request entity too large")
    _check_components(post)


def check_modal(modal: Json) -> None:
    """Raise `Refused` for a form that Discord would not open."""
    parts: Sequence[Json] = modal.get("components", ())
    if not 1 <= len(str(modal.get("title", ""))) <= TITLE:
        raise too_long("data.title", TITLE)
    if not 1 <= len(str(modal.get("custom_id", ""))) <= CUSTOM_ID:
        raise too_long("data.custom_id", CUSTOM_ID)
    if not 1 <= len(parts) <= FORM_PARTS:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for one in parts:
        if one["type"] not in {ROW, LABEL, TEXT_DISPLAY}:
            raise invalid(
                "data.components", "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (1, 10, 18)."
            )
    for one in walk(parts):
        _check_one(one, "data.components")
        if one["type"] == TEXT_INPUT:
            label = str(one.get("label") or "")
            if len(label) > INPUT_LABEL or len(str(one.get("value") or "")) > INPUT:
                raise too_long("data.components", INPUT_LABEL if len(label) > INPUT_LABEL else INPUT)
        if one["type"] == LABEL and not 1 <= len(str(one.get("label", ""))) <= INPUT_LABEL:
            raise too_long("data.components.label", INPUT_LABEL)
    _check_ids(parts, "data.components")


def check_completions(choices: Sequence[Json]) -> None:
    """Raise `Refused` for completions that Discord would not show."""
    if len(choices) > COMPLETIONS:
        raise too_long("data.choices", COMPLETIONS)
    for one in choices:
        if not 1 <= len(str(one["name"])) <= CHOICE or len(str(one["value"])) > CHOICE:
            raise too_long("data.choices", CHOICE)


def check_commands(commands: Sequence[Json]) -> None:
    """Raise `Refused` for application commands that Discord would not register."""
    for kind, most in ((1, COMMANDS), (2, 15), (3, 15)):
        if sum(one.get("type", 1) == kind for one in commands) > most:
            raise Refused(400, 30032, f"Maximum number of application commands reached ({most})")
    for number, one in enumerate(commands):
        _check_command(one, str(number))


def _check_command(one: Json, where: str) -> None:
    slash = one.get("type", 1) == 1
    name = str(one.get("name", ""))
    if slash and (not _NAME.fullmatch(name) or name != name.lower()):
        raise invalid(f"{where}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if not 1 <= len(name) <= 32:
        raise too_long(f"{where}.name", 32)
    if slash and not 1 <= len(str(one.get("description", ""))) <= 100:
        raise invalid(f"{where}.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    _check_options(one, where, depth=0)
    if _command_text(one) > COMMAND_TEXT:
        raise invalid(where, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")


def _check_options(one: Json, where: str, *, depth: int) -> None:
    options: Sequence[Json] = one.get("options") or ()
    if len(options) > COMMAND_OPTIONS:
        raise too_long(f"{where}.options", COMMAND_OPTIONS)
    names = [str(option["name"]) for option in options]
    if len(set(names)) < len(names):
        raise invalid(
            f"{where}.options",
            "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
            "Option name already exists",
        )
    required = [bool(option.get("required")) for option in options]
    if required != sorted(required, reverse=True):
        raise invalid(
            f"{where}.options",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            "Required options must be placed before non-required options",
        )
    for number, option in enumerate(options):
        path = f"{where}.options.{number}"
        if not _NAME.fullmatch(names[number]) or names[number] != names[number].lower():
            raise invalid(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        if not 1 <= len(str(option.get("description", ""))) <= 100:
            raise invalid(
                f"{path}.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."
            )
        if option["type"] == 2 and depth > 0:
            raise invalid(path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Groups cannot be nested")
        if len(option.get("choices") or ()) > OPTIONS:
            raise too_long(f"{path}.choices", OPTIONS)
        _check_options(option, path, depth=depth + 1)


def _command_text(one: Json) -> int:
    own = len(str(one.get("name", ""))) + len(str(one.get("description", "")))
    choices = sum(len(str(each["name"])) + len(str(each["value"])) for each in one.get("choices") or ())
    return own + choices + sum(map(_command_text, one.get("options") or ()))


def _check_components(post: Post) -> None:
    every = list(walk(post.components))
    if post.flags & COMPONENTS_V2:
        if post.text or post.embeds:
            raise invalid(
                "content",
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )
        if len(every) > V2_COMPONENTS:
            raise invalid(
                "components",
                "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
                f"The total number of components must be {V2_COMPONENTS} or fewer",
            )
        if sum(len(str(one.get("content") or "")) for one in every if one["type"] == TEXT_DISPLAY) > V2_TEXT:
            raise invalid(
                "components",
                "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
                f"Total displayable text is longer than {V2_TEXT}",
            )
    else:
        if len(post.components) > ROWS:
            raise too_long("components", ROWS)
        if any(one["type"] in _LAYOUT for one in every):
            raise invalid("components", "UNION_TYPE_CHOICES", "Value of field 'type' must be one of (1,).")
    for one in every:
        _check_one(one, "components")
    _check_ids(post.components, "components")


def _check_one(one: Json, where: str) -> None:
    """Raise `Refused` for one component that is too big."""
    kind = one["type"]
    if kind == ROW and not 1 <= len(one.get("components", ())) <= ROW_BUTTONS:
        raise invalid(f"{where}.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    if len(str(one.get("custom_id") or "")) > CUSTOM_ID:
        raise too_long(f"{where}.custom_id", CUSTOM_ID)
    if kind == BUTTON:
        _check_button(one, where)
    if kind in SELECTS:
        _check_select(one, where)


def _check_button(one: Json, where: str) -> None:
    label = str(one.get("label") or "")
    if len(label) > BUTTON_LABEL:
        raise too_long(f"{where}.label", BUTTON_LABEL)
    if not label and not one.get("emoji"):
        raise invalid(f"{where}.label", "BASE_TYPE_REQUIRED", "A button needs a label or an emoji")


def _check_select(one: Json, where: str) -> None:
    options: Sequence[Json] = one.get("options", ())
    listed = one["type"] == STRING_SELECT
    if len(options) > OPTIONS or (listed and not options):
        raise invalid(f"{where}.options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
    if len(str(one.get("placeholder") or "")) > PLACEHOLDER:
        raise too_long(f"{where}.placeholder", PLACEHOLDER)
    if listed and int(one.get("max_values", 1)) > len(options):
        raise invalid(f"{where}.max_values", "NUMBER_TYPE_MAX", "max_values is more than there are options")
    words = [str(option[name]) for option in options for name in ("label", "value")]
    if any(not 1 <= len(word) <= OPTION_LABEL for word in words):
        raise too_long(f"{where}.options", OPTION_LABEL)
    if len({option["value"] for option in options}) < len(options):
        raise invalid(
            f"{where}.options",
            "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
            "The specified option value is already used",
        )


def _check_ids(components: Sequence[Json], where: str) -> None:
    ids = [one["custom_id"] for one in walk(components) if one.get("custom_id")]
    if len(set(ids)) < len(ids):
        raise invalid(where, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")


def _embed_text(embed: Json) -> int:
    if len(str(embed.get("description") or "")) > DESCRIPTION:
        raise too_long("embeds.0.description", DESCRIPTION)
    if len(str(embed.get("title") or "")) > 256:
        raise too_long("embeds.0.title", 256)
    fields: Sequence[Json] = embed.get("fields", ())
    if len(fields) > 25:
        raise too_long("embeds.0.fields", 25)
    if any(len(str(one["name"])) > 256 or len(str(one["value"])) > 1024 for one in fields):
        raise too_long("embeds.0.fields", 1024)
    foot: Json = embed.get("footer") or {}
    footer = str(foot.get("text") or "")
    return (
        sum(len(str(embed.get(name) or "")) for name in ("title", "description"))
        + len(footer)
        + sum(len(str(one["name"])) + len(str(one["value"])) for one in fields)
    )
