"""Llama Guard 3 and 4: 'safe', or 'unsafe' and a line of codes of the MLCommons hazards.

Source: https://www.llama.com/docs/model-cards-and-prompt-formats/llama-guard-3/ and …/llama-guard-4/, and the chat
templates that come with the models. The special tokens around the prompt are the chat template's to write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rostra.chat import Utterance

from .values import NOTHING_ASKED, Ask, Case, Labels, Said, conversation, unexpected

_HAZARDS = (
    ("Violent Crimes", "illicit/violent"),
    ("Non-Violent Crimes", "illicit"),
    ("Sex Crimes", "illicit/violent"),
    ("Child Exploitation", "sexual/minors"),
    ("Defamation", "custom"),
    ("Specialized Advice", "custom"),
    ("Privacy", "pii"),
    ("Intellectual Property", "custom"),
    ("Indiscriminate Weapons", "illicit/violent"),
    ("Hate", "hate"),
    ("Self-Harm", "self-harm"),
    ("Sexual Content", "sexual"),
    ("Elections", "custom"),
    ("Code Interpreter Abuse", "illicit"),
)
_LABELS = MappingProxyType({f"S{number}": category for number, (_, category) in enumerate(_HAZARDS, 1)})
_POLICY = "\n".join(f"S{number}: {hazard}." for number, (hazard, _) in enumerate(_HAZARDS, 1))
_LISTED = re.compile(r"\s*S\d{1,2}(?:\s*,\s*S\d{1,2})*\s*")
_LISTING = re.compile(r"[S\d, \t]*")
_RIGHT = "it must be 'safe', or 'unsafe' and one line of codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaGuard:
    """A `rostra_moderation.formats.Format`; versions 3 and 4 differ in the tokens that their templates write."""

    name: str
    templated: bool = True
    max_tokens: int = 48

    @property
    def labels(self) -> Mapping[str, str]:
        return _LABELS

    def asks(self, case: Case, *, written: bool) -> Sequence[Ask]:
        messages = (Utterance(role="user", text=_written(case)),) if written else conversation(case)
        return (Ask(messages=messages, read=self.read),)

    def read(self, said: Said) -> Labels | None:
        """Return the codes that were given, or None while more may come. Raises `ModerationError`."""
        first, line_ended, rest = said.text.lstrip().partition("\n")
        word = first.rstrip()
        if not line_ended and not said.complete:
            if not any(right.startswith(word) for right in ("safe", "unsafe")):
                raise unexpected(self.name, _RIGHT)
            return None
        if word == "safe" and not rest.strip():
            return {} if said.complete else None
        if word != "unsafe":
            raise unexpected(self.name, _RIGHT)
        return self._codes(rest.lstrip("\n"), said)

    def _codes(self, rest: str, said: Said) -> Labels | None:
        line, line_ended, _ = rest.partition("\n")  # harm is known once it was said, whatever follows
        if _LISTING.fullmatch(line) is None:
            raise unexpected(self.name, _RIGHT)
        if not line_ended and not said.complete:
            return None
        codes = [code.strip() for code in line.split(",")]
        if _LISTED.fullmatch(line) is None or not set(codes) <= set(self.labels):
            raise unexpected(self.name, f"the codes are {', '.join(self.labels)}")
        return dict.fromkeys(codes, 1.0)


def _written(case: Case) -> str:
    role, turns = "User", f"User: {case.text}"
    if case.direction == "answer":
        role, turns = "Agent", f"User: {case.question or NOTHING_ASKED}\n\nAgent: {case.text}"
    return (
        f"Task: Check if there is unsafe content in '{role}' messages in conversations according our safety policy"
        f" with the below categories.\n\n<BEGIN UNSAFE CONTENT CATEGORIES>\n{_POLICY}\n"
        f"<END UNSAFE CONTENT CATEGORIES>\n\n<BEGIN CONVERSATION>\n\n{turns}\n\n<END CONVERSATION>\n\n"
        f"Provide your safety assessment for ONLY THE LAST {role} message in the above conversation:\n"
        " - First line must read 'safe' or 'unsafe'.\n"
        " - If unsafe, a second line must include a comma-separated list of violated categories."
    )
