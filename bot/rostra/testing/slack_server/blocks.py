"""What people see of Block Kit blocks, and what they can press, pick and fill in there."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .values import Json, Message, is_object

PICKS = {
    "static_select",
    "multi_static_select",
    "external_select",
    "multi_external_select",
    "users_select",
    "multi_users_select",
    "conversations_select",
    "channels_select",
    "radio_buttons",
    "checkboxes",
    "overflow",
}
"""Elements out of which something is picked."""

SEVERAL = {"multi_static_select", "multi_external_select", "multi_users_select", "checkboxes"}
"""Those of them that may have several picked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """An interactive element: what it is called, its JSON, and the block that it stands in."""

    labels: tuple[str, ...]
    element: Json
    block: Json


def plain(text: Any) -> str:
    """Return the words of a text object, or of a text."""
    if is_object(text):
        return str(text.get("text", ""))
    return str(text or "")


def shown(message: Message) -> str:
    """Return what people see of a message: its blocks, or its text where it has none, then its files.

    Text is given as it came over the wire: ``&lt;`` is not turned back, so that a raw ``<!channel>`` stands out.
    """
    body = text_of(message.blocks) if message.blocks else message.text
    if message.stream is not None and message.blocks:
        body = "\n".join(filter(None, [message.text, text_of(message.blocks)]))
    extra = [text_of(one.get("blocks", [])) or str(one.get("text", "")) for one in message.attachments]
    return "\n".join(filter(None, [body, *extra, *(file.title or file.name for file in message.files)]))


def text_of(blocks: Sequence[Json]) -> str:
    """Return the visible words of blocks, one line or more for each."""
    return "\n".join(filter(None, (_block(block) for block in blocks)))


def _block(block: Json) -> str:
    kind = block.get("type")
    if kind in {"markdown", "header"}:
        return plain(block.get("text"))
    if kind == "image":
        return plain(block.get("title")) or str(block.get("alt_text", ""))
    if kind == "table":
        return "\n".join("  ".join(_cell(cell) for cell in row) for row in block.get("rows", []))
    words = [plain(block.get("text")), plain(block.get("label")), plain(block.get("hint"))]
    words += [plain(field) for field in block.get("fields", [])]
    words += [_element(element) for element in _elements(block)]
    return "\n".join(filter(None, words))


def _cell(cell: Json) -> str:
    return "".join(_rich(cell)) if cell.get("type") == "rich_text" else plain(cell)


def _rich(element: Json) -> Iterator[str]:
    """Yield the pieces of rich text."""
    for one in element.get("elements", []):
        if "elements" in one:
            yield from _rich(one)
        else:
            yield str(one.get("text") or one.get("url") or one.get("name") or one.get("user_id") or "")


def _elements(block: Json) -> Generator[Json]:
    """Yield the elements of a block, its accessory and its input's element among them."""
    yield from block.get("elements", [])
    for name in ("accessory", "element"):
        if block.get(name):
            yield block[name]


def _element(element: Json) -> str:
    kind = element.get("type", "")
    if str(kind).startswith("rich_text"):
        return "".join(_rich(element))
    if kind == "feedback_buttons":
        names = (plain(element.get(name, {}).get("text")) for name in ("positive_button", "negative_button"))
        return " ".join(names)
    words = [plain(element.get("text")), plain(element.get("placeholder"))]
    words.append(str(element.get("initial_value", "") or element.get("alt_text", "")))
    words += [plain(option.get("text")) for option in options_of(element)]
    return "\n".join(filter(None, words))


def options_of(element: Json) -> list[Json]:
    """Return the options of an element, those of its groups included."""
    found: list[Json] = list(element.get("options", []))
    for group in element.get("option_groups", []):
        found += group.get("options", [])
    return found


def controls(blocks: Sequence[Json]) -> Generator[Control]:
    """Yield everything interactive in blocks, in order; both buttons of ``feedback_buttons`` are given alone."""
    for block in blocks:
        around = tuple(filter(None, (plain(block.get("label")), plain(block.get("text")))))
        for element in _elements(block):
            if element.get("type") == "feedback_buttons":
                yield from _feedback(element, block)
            elif "action_id" in element:
                own = (plain(element.get("text")), plain(element.get("placeholder")), element["action_id"])
                yield Control(labels=(*filter(None, own), *around), element=element, block=block)


def _feedback(element: Json, block: Json) -> Generator[Control]:
    for name in ("positive_button", "negative_button"):
        button: Json = element.get(name, {})
        pressed = {**button, "type": "feedback_buttons", "action_id": element.get("action_id", "")}
        yield Control(labels=(plain(button.get("text")),), element=pressed, block=block)


def with_ids(blocks: Sequence[Json], make: Iterator[str]) -> list[Json]:
    """Return ``blocks`` with the ``block_id`` and ``action_id`` that Slack makes up where they are left out."""
    return [_with_ids(block, make) for block in blocks]


def _with_ids(block: Json, make: Iterator[str]) -> Json:
    filled: Json = {**block, "block_id": block.get("block_id") or next(make)}
    if "elements" in filled and filled.get("type") in {"actions", "context_actions"}:
        filled["elements"] = [_with_action(one, make) for one in filled["elements"]]
    for name in ("accessory", "element"):
        if isinstance(filled.get(name), dict) and filled[name].get("type") != "image":
            filled[name] = _with_action(filled[name], make)
    return filled


def _with_action(element: Json, make: Iterator[str]) -> Json:
    return element if element.get("action_id") else {**element, "action_id": next(make)}


def initial_state(blocks: Sequence[Json]) -> dict[str, Json]:
    """Return ``state.values`` as it is before anybody fills anything in: by block, by action."""
    values: dict[str, Json] = {}
    for control in controls(blocks):
        kind = control.element.get("type", "")
        if kind in PICKS or kind.endswith("_input") or kind in {"datepicker", "timepicker"}:
            entry = values.setdefault(control.block["block_id"], {})
            entry[control.element["action_id"]] = _initially(control.element)
    return values


def _initially(element: Json) -> Json:
    kind = element["type"]
    if kind in SEVERAL:
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind in PICKS:
        return {"type": kind, "selected_option": element.get("initial_option")}
    return {"type": kind, "value": element.get("initial_value")}


def entered(element: Json, value: Any) -> Json:
    """Return the state of ``element`` once ``value`` was filled in: a text, or options by text or value.

    Raises `LookupError` where there is no such option.
    """
    kind = element["type"]
    if kind not in PICKS:
        return {"type": kind, "value": None if value is None else str(value)}
    if kind.endswith(("users_select", "conversations_select", "channels_select")):
        return {"type": kind, f"selected_{kind.removesuffix('s_select')}": value}
    wanted = [value] if isinstance(value, str) else list(value)
    chosen = [_option(element, one) for one in wanted]
    if kind in SEVERAL:
        return {"type": kind, "selected_options": chosen}
    return {"type": kind, "selected_option": chosen[0] if chosen else None}


def _option(element: Json, wanted: str | Json) -> Json:
    if isinstance(wanted, dict):
        return wanted  # one that the app suggested
    known = options_of(element)
    for option in known:
        if wanted in {plain(option.get("text")), option.get("value")}:
            return option
    raise LookupError(f"no option {wanted!r}; there are {[plain(option.get('text')) for option in known]}")
