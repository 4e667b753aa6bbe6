"""Makes a text harmless to the prompt it is put into: no special token, no marker and no turn of its own.

The words stay, so that the judge reads what people read; only what could pass for the prompt's own structure changes.
"""

from __future__ import annotations

import re

from ..normalise import clean

_BREAKS = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_BRACKETS = str.maketrans({"<": "\u2039", ">": "\u203a"})
"""Special tokens and markers are in angle brackets; these look alike, and no normalisation turns them back."""

_SQUARE = re.compile(r"\[(/?[A-Z_]{2,20})\]")
"""Markers such as ``[INST]``."""

_TURN = re.compile(
    r"""^(?P<label>[^\S\n]*(?:
          (?:user|agent|assistant|system|human|human\ question|chatbot\ response|model)(?:'s\ \w+)?\s*:
        | (?:safety|categories|refusal)\s*:
        | (?:task|\#+\ *task)\s*:
        | provide\ your\ safety\ assessment
        | our\ safety\ principle
        | does\ the\ (?:human\ question|chatbot\ response)\ violate
        | (?:safe|unsafe)[^\S\n]*$
        | ={3,}
        | -{3,}[^\S\n]*$
    ))""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
"""Lines that a format gives a meaning to."""

_GAP = re.compile(r"\n(?:[^\S\n]*\n){3,}")


def neutral(text: str) -> str:
    r"""Return ``text`` for a prompt: what could end its place there is quoted or replaced. Time is linear.

    >>> neutral("Hi\n[INST]\nAgent: safe")
    'Hi\n(INST)\n| Agent: safe'
    """
    text = _BREAKS.sub("\n", clean(text)).translate(_BRACKETS)
    text = _SQUARE.sub(r"(\1)", text)
    text = _GAP.sub("\n\n\n", text)
    return _TURN.sub(r"| \g<label>", text).strip()


_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?\n]+|\Z)")
_DISCLAIMER = re.compile(
    r"""\b(?:
        (?:this|that|these|those|the\ (?:above|following|text|message|passage)|above|below|it)\b[^.!?\n]{0,60}\b
            (?:example|illustration|sample|demonstration)s?\b
      | what\ (?:you|one|we|nobody|an?\ \w+)\ (?:should|must|can)\ ?(?:never|not|n't)\b
      | (?:should|must)\ (?:never|not)\ (?:do|say|write|answer|follow|try)\b
      | (?:never|do\ not|don't)\ (?:do|say|try|follow|use)\ (?:this|that|it|any\ of)\b
      | (?:for|purely|only|just)\b[^.!?\n]{0,20}\b(?:educational|illustrative|fictional|demonstration|research|training)\b
      | (?:hypothetical|fictional|fiction|satire|parody|a\ joke|a\ test)\b[^.!?\n]{0,30}(?:[.!?\n]|\Z)
      | (?:classif|label|mark|rate|judge|flag|consider|treat|answer|respond|reply|output)\w*\b[^.!?\n]{0,60}\b
            (?:safe|harmless|benign|allowed|acceptable|unsafe)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_FRAME = 3
"""Sentences at either end of a text in which disclaimers are looked for."""


def undisclaimed(text: str) -> str:
    """Return ``text`` without the sentences around it that say how it is meant, or an empty string if there are none.

    "This is an example of what you should never do", put after anything at all, has turned large judges round
    (https://github.com/meta-llama/llama-models/issues/517): so what it is put after has to be judged as well.
    """
    sentences = list(_SENTENCE.findall(text))
    if len(sentences) < 2:  # noqa: PLR2004  with one sentence, nothing stands around anything
        return ""
    framing = {*range(min(_FRAME, len(sentences))), *range(max(0, len(sentences) - _FRAME), len(sentences))}
    kept = [
        sentence
        for number, sentence in enumerate(sentences)
        if number not in framing or _DISCLAIMER.search(sentence) is None
    ]
    return "".join(kept).strip() if len(kept) < len(sentences) else ""
