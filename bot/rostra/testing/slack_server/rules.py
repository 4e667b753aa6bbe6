"""What Slack refuses, with its own error codes: sizes of texts, blocks and views.

The numbers are those of Slack's reference pages, and, where those are silent, what people measured:

- all blocks of a message together: slackapi/bolt-js#2509;
- all text of one streamed message: CopilotKit/CopilotKit#6064;
- a stream is closed five minutes after it was started: slackapi/node-slack-sdk#2702;
- ``chat.update`` refuses what ``chat.postMessage`` cuts: seratch/ChatGPT-in-Slack#102.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .blocks import options_of, plain
from .values import Json, SlackError, is_list, is_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Lengths in characters (code points), counts of blocks and elements, times in seconds."""

    text: int = 40_000
    update_text: int = 4_000
    markdown_text: int = 12_000
    stream_text: int = 12_000
    stream_seconds: float = 300.0
    blocks: int = 50
    view_blocks: int = 100
    blocks_text: int = 13_200
    section: int = 3_000
    field: int = 2_000
    header: int = 150
    button: int = 75
    value: int = 2_000
    action_id: int = 255
    option: int = 75
    option_value: int = 150
    options: int = 100
    few_options: int = 10
    overflow: int = 5
    actions: int = 25
    context: int = 10
    title: int = 24
    label: int = 2_000
    metadata: int = 3_000
    view_bytes: int = 250_000
    view_stack: int = 3
    trigger_seconds: float = 3.0
    ack_seconds: float = 3.0
    prompts: int = 4


BLOCKS = {
    "section", "divider", "image", "actions", "context", "input", "header", "file", "video", "rich_text",
    "markdown", "table", "context_actions", "call", "plan", "task_card", "container", "card", "carousel", "alert",
}  # fmt: skip
"""Types of blocks that exist."""

ONLY_MESSAGES = {"markdown", "table", "context_actions", "file"}
"""Those that a view may not have."""


def check_blocks(blocks: Any, limits: Limits, *, view: bool = False) -> list[Json]:
    """Return ``blocks`` as they are. Raises `SlackError`: ``invalid_blocks``, ``msg_blocks_too_long``."""
    wrong = _Wrong()
    if not is_list(blocks):
        raise SlackError("invalid_blocks_format")
    given: list[Json] = blocks
    most = limits.view_blocks if view else limits.blocks
    wrong.more(given, most, "/blocks", "items")
    seen: set[str] = set()
    for number, block in enumerate(given):
        _check_block(block, f"/blocks/{number}", limits, wrong, view=view)
        name = block.get("block_id")
        if name and name in seen:
            wrong.add(f"`block_id` {name!r} is not unique", f"/blocks/{number}/block_id")
        seen.add(name or "")
    wrong.done("invalid_blocks")
    if not view and _characters(given) > limits.blocks_text:
        raise SlackError("msg_blocks_too_long")
    return given


def check_view(view: Any, limits: Limits) -> Json:
    """Return ``view`` as it is. Raises `SlackError`: ``invalid_arguments``, ``view_too_large``, ``invalid_blocks``."""
    if not is_object(view) or view.get("type") not in {"modal", "home"}:
        raise SlackError("invalid_arguments", "failed to match all allowed schemas [json-pointer:/view]")
    given: Json = view
    wrong = _Wrong()
    if given["type"] == "modal":
        if not plain(given.get("title")):
            wrong.add("missing required field: title", "/view")
        for name in ("title", "submit", "close"):
            wrong.longer(plain(given.get(name)), limits.title, f"/view/{name}/text")
        if any(block.get("type") == "input" for block in given.get("blocks", [])) and "submit" not in given:
            wrong.add("missing required field: submit", "/view")
    wrong.longer(given.get("private_metadata", ""), limits.metadata, "/view/private_metadata")
    wrong.longer(given.get("callback_id", ""), limits.action_id, "/view/callback_id")
    wrong.done("invalid_arguments")
    try:
        check_blocks(given.get("blocks"), limits, view=True)
    except SlackError as error:
        raise SlackError("invalid_arguments", *error.more.get("errors", [error.code])) from error
    if len(json.dumps(given).encode()) > limits.view_bytes:
        raise SlackError("view_too_large")
    return given


class _Wrong:
    """What is wrong with a payload, said as Slack says it."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, what: str, where: str) -> None:
        self.messages.append(f"{what} [json-pointer:{where}]")

    def longer(self, text: object, most: int, where: str) -> None:
        if isinstance(text, str) and len(text) > most:
            self.add(f"must be less than {most + 1} characters", where)

    def more(self, items: Sequence[object], most: int, where: str, what: str = "items") -> None:
        if len(items) > most:
            self.add(f"no more than {most} {what} allowed", where)

    def done(self, code: str) -> None:
        if self.messages:
            raise SlackError(code, *self.messages)


def _check_block(block: Any, where: str, limits: Limits, wrong: _Wrong, *, view: bool) -> None:
    if not is_object(block) or block.get("type") not in BLOCKS:
        wrong.add("unsupported type", where)
        return
    given: Json = block
    kind = given["type"]
    if view and kind in ONLY_MESSAGES:
        wrong.add(f"unsupported type: {kind}", f"{where}/type")
    wrong.longer(given.get("block_id", ""), limits.action_id, f"{where}/block_id")
    if kind == "section":
        _check_section(given, where, limits, wrong)
    elif kind == "header":
        _needed(plain(given.get("text")), limits.header, f"{where}/text/text", wrong)
    elif kind == "markdown":
        _needed(plain(given.get("text")), limits.markdown_text, f"{where}/text", wrong)
    elif kind == "input":
        _needed(plain(given.get("label")), limits.label, f"{where}/label/text", wrong)
        _check_element(given.get("element", {}), f"{where}/element", limits, wrong)
    elif kind in {"actions", "context", "context_actions"}:
        _check_elements(given, where, limits, wrong)


def _check_section(block: Json, where: str, limits: Limits, wrong: _Wrong) -> None:
    if "fields" not in block:
        _needed(plain(block.get("text")), limits.section, f"{where}/text/text", wrong)
    for number, one in enumerate(block.get("fields", [])):
        wrong.longer(plain(one), limits.field, f"{where}/fields/{number}/text")
    wrong.more(block.get("fields", []), 10, f"{where}/fields")
    if "accessory" in block:
        _check_element(block["accessory"], f"{where}/accessory", limits, wrong)


def _needed(text: str, most: int, where: str, wrong: _Wrong) -> None:
    if not text:
        wrong.add("must be more than 0 characters", where)
    wrong.longer(text, most, where)


def _check_elements(block: Json, where: str, limits: Limits, wrong: _Wrong) -> None:
    elements = block.get("elements", [])
    if not elements:
        wrong.add("no fewer than 1 items allowed", f"{where}/elements")
    most = limits.actions if block["type"] == "actions" else limits.context
    wrong.more(elements, most, f"{where}/elements")
    names: set[str] = set()
    for number, element in enumerate(elements):
        at = f"{where}/elements/{number}"
        if block["type"] == "context":
            wrong.longer(plain(element.get("text")), limits.section, f"{at}/text")
            continue
        _check_element(element, at, limits, wrong)
        name = element.get("action_id", "")
        if name and name in names:
            wrong.add(f"`action_id` {name!r} is not unique", at)
        names.add(name)


def _check_element(element: Json, where: str, limits: Limits, wrong: _Wrong) -> None:
    kind = element.get("type")
    wrong.longer(element.get("action_id", ""), limits.action_id, f"{where}/action_id")
    wrong.longer(plain(element.get("placeholder")), limits.header, f"{where}/placeholder/text")
    if kind == "button":
        _check_button(element, where, limits, wrong)
        if element.get("style", "primary") not in {"primary", "danger"}:
            wrong.add("must be one of: primary, danger", f"{where}/style")
    elif kind == "feedback_buttons":
        for name in ("positive_button", "negative_button"):
            _check_button(element.get(name, {}), f"{where}/{name}", limits, wrong)
    elif kind == "plain_text_input":
        wrong.longer(element.get("initial_value", ""), limits.section, f"{where}/initial_value")
    else:
        _check_options(element, where, limits, wrong)


def _check_button(button: Json, where: str, limits: Limits, wrong: _Wrong) -> None:
    _needed(plain(button.get("text")), limits.button, f"{where}/text/text", wrong)
    if Json(button.get("text") or {}).get("type") != "plain_text":
        wrong.add("must be plain_text", f"{where}/text/type")
    wrong.longer(button.get("value", ""), limits.value, f"{where}/value")


def _check_options(element: Json, where: str, limits: Limits, wrong: _Wrong) -> None:
    kind = element.get("type", "")
    if kind not in {"static_select", "multi_static_select", "radio_buttons", "checkboxes", "overflow"}:
        return
    few = {"radio_buttons": limits.few_options, "checkboxes": limits.few_options, "overflow": limits.overflow}
    options = options_of(element)
    if not options:
        wrong.add("no fewer than 1 items allowed", f"{where}/options")
    wrong.more(options, few.get(kind, limits.options), f"{where}/options")
    for number, option in enumerate(options):
        _needed(plain(option.get("text")), limits.option, f"{where}/options/{number}/text/text", wrong)
        wrong.longer(option.get("value", ""), limits.option_value, f"{where}/options/{number}/value")


def _characters(blocks: Any) -> int:
    """Return how many characters of text there are in blocks, with a little for each block, as Slack counts."""
    if is_object(blocks):
        found: Json = blocks
        own = len(found["text"]) if isinstance(found.get("text"), str) else 0
        return own + sum(_characters(value) for value in found.values())
    if is_list(blocks):
        return sum(_characters(one) for one in blocks)
    return 0
