"""The pictures of the pages: all there, small, and those that are shown exist."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
KINDS = {"-".join(kind) for kind in product(("desk", "phone"), ("light", "dark"))}


def test_each_page_is_there_in_the_light_and_in_the_dark_on_a_desk_and_on_a_phone() -> None:
    found: dict[str, set[str]] = {}
    for file in PICTURES.iterdir():
        page, size, scheme = file.stem.rsplit("-", 2)
        found.setdefault(page, set()).add(f"{size}-{scheme}")
    assert set(found) >= {"sign-in", "chat", "refused", "rank", "review", "campaign"}
    assert {page: kinds for page, kinds in found.items() if kinds != KINDS} == {}


def test_pictures_are_small() -> None:
    sizes = [file.stat().st_size for file in PICTURES.iterdir()]
    assert max(sizes) < 80_000
    assert sum(sizes) < 1_500_000


def test_the_readme_shows_pictures_that_exist_in_both_schemes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r'(?:src|srcset)="(docs/pictures/[^"]+)"', text)
    assert shown
    assert [path for path in shown if not (ROOT / path).is_file()] == []
    assert len([path for path in shown if "-dark." in path]) * 2 == len(shown)
