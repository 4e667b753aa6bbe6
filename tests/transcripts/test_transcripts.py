from __future__ import annotations

from pathlib import Path

import pytest

from rostra.testing.transcripts import replay

GOLDEN = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
async def test_the_conversation_goes_as_written(file: Path, request: pytest.FixtureRequest) -> None:
    written = file.read_text(encoding="utf-8")
    happened = await replay(written)
    if request.config.getoption("--rewrite-transcripts"):
        file.write_text(happened, encoding="utf-8")
    else:
        assert happened == written


async def test_a_transcript_that_is_wrong_is_noticed() -> None:
    written = "ann@general: hi\n    finishes: something else\n"
    assert await replay(written) == "ann@general: hi\n    finishes: hi\n"


async def test_a_line_that_sets_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="sets nothing"):
        await replay("wrod bomb illicit\n")
