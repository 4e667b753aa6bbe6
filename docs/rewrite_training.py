"""Writes the settings in ``docs/reference/training.md`` from the models that check them. ``--print`` only prints it."""  # noqa: INP001  a script, in no package

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

PAGE = Path(__file__).parent / "reference" / "training.md"

HEAD = """\
# Training

```sh
rostra train --help
```

Each stage takes one file of settings in TOML, and `--set KEY=VALUE` over it; a dot leads into a table.
A key that is not here is refused.
On the command line `out` may be left out: [the run](../howto/runs.md) then gets a new folder in the data folder.

This page is written by `python docs/rewrite_training.py`; a test fails when it is out of date.
"""


def sections() -> dict[str, type[BaseModel]]:
    """Return what is told of, under its heading."""
    from rostra_models.training.best_of import BestOfSettings
    from rostra_models.training.dpo import DpoSettings
    from rostra_models.training.evaluation.accuracy import AccuracySettings
    from rostra_models.training.evaluation.compare import CompareSettings
    from rostra_models.training.evaluation.perplexity import PerplexitySettings
    from rostra_models.training.ppo import PpoSettings
    from rostra_models.training.pretrain import PretrainSettings
    from rostra_models.training.rloo import RlooSettings
    from rostra_models.training.settings import LoopSettings
    from rostra_models.training.shapes import ShapeSettings
    from rostra_models.training.tokenise import TokenizerSettings

    return {
        "`rostra train tokenizer`": TokenizerSettings,
        "`rostra train pretrain`": PretrainSettings,
        "`[shape]` of a new model": ShapeSettings,
        "`rostra train dpo`": DpoSettings,
        "`rostra train best-of`": BestOfSettings,
        "`rostra train ppo`": PpoSettings,
        "`rostra train rloo`": RlooSettings,
        "`[loop]` of every stage": LoopSettings,
        "`rostra eval perplexity`": PerplexitySettings,
        "`rostra eval reward`": AccuracySettings,
        "`rostra eval compare`": CompareSettings,
    }


def page() -> str:
    """Return the page as it should be."""
    parts = [HEAD]
    for heading, model in sections().items():
        rows = [f"| `{name}` | {default(one)} | {said(one)} |" for name, one in model.model_fields.items()]
        parts.append(
            "\n".join([f"## {heading}", "", "| key | by default | what it is |", "|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


def said(field: FieldInfo) -> str:
    """Return what a setting says of itself."""
    return (field.description or "").replace("|", "\\|")


def default(field: FieldInfo) -> str:
    """Return what a setting is where nothing is said."""
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    return f"`{json.dumps(value.value if isinstance(value, Enum) else value, default=str)}`"


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page(), encoding="utf-8")
