"""What a prompt is reckoned to cost is never less than what the chat template of a model makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from platformdirs import user_data_path

from rostra.chat import Role, Utterance
from rostra.prompts import fit
from rostra_models.conversation import Conversation
from rostra_models.testing import TEMPLATE, tiny_llama
from rostra_models.tokens import TokenCounter

pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

DEFAULT = "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe helpful.<|im_end|>\n{% endif %}"
"""Templates in the shapes of common families: with a system prompt of their own, and turns in their own marks."""
SHAPES = {
    "chatml": TEMPLATE,
    "chatml with a system prompt of its own": DEFAULT + TEMPLATE,
    "headers": "{% for m in messages %}<|im_start|>{{ m['role'] }}<|im_end|>\n\n{{ m['content'] | trim }}<|endoftext|>"
    "{% endfor %}<|im_start|>assistant<|im_end|>\n\n",
    "turns": "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n",
}


EMBEDDED = user_data_path("rostra") / "models" / "embedded"


@pytest.fixture(scope="module", params=["tiny", "embedded"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One has a token for each letter, the worst there is; the other is used if it was pulled."""
    if request.param == "tiny":
        return tiny_llama(tmp_path_factory.mktemp("tiny") / "model")
    if not (EMBEDDED / "tokenizer.json").is_file():
        pytest.skip("the embedded model is not pulled")
    return EMBEDDED


@pytest.fixture(scope="module")
def counter(folder: Path) -> TokenCounter:
    counter = TokenCounter(folder, window=4096)
    counter.read()
    return counter


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    import transformers

    auto: Any = transformers.AutoTokenizer
    return auto.from_pretrained(str(folder), local_files_only=True)


@pytest.mark.parametrize("shape", [*SHAPES, "its own"])
@given(
    st.sampled_from(["", "Be kind.", "Answer briefly. " * 20]),
    st.lists(st.text(max_size=60), max_size=12),
    st.text(max_size=200),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_prompt_has_no_more_tokens_than_it_is_reckoned_to_have(
    shape: str, tokenizer: Any, counter: TokenCounter, system: str, texts: list[str], question: str
) -> None:
    roles: tuple[Role, ...] = ("user", "assistant")
    history = [Utterance(role=roles[number % 2], text=text) for number, text in enumerate(texts)]
    prompt = fit(system, history, question, budget=900, count=counter.count, notes="They like tea.")
    laid_out = Conversation(tokenizer)
    own = tokenizer.chat_template
    try:
        tokenizer.chat_template = SHAPES.get(shape, own)
        assert len(laid_out.tokens(prompt.messages)) <= prompt.tokens
    finally:
        tokenizer.chat_template = own


def test_the_shapes_are_counted_as_they_are(counter: TokenCounter, tokenizer: Any) -> None:
    prompt = fit("Be kind.", [], "Why?", budget=900, count=counter.count)
    counted = counter.count("Be kind.") + counter.count("Why?")
    assert counted < len(Conversation(tokenizer).tokens(prompt.messages)) <= prompt.tokens
