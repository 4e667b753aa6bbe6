"""Answers from a model that transformers loads, one at a time, token by token. Runs in the model's own process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from rostra.chat import Sampling
from rostra.errors import ModelError

from .conversation import Conversation
from .text import Detokenizer, Stops
from .wire import Generate, Load, Text

PREFILL = 256
"""Tokens of a prompt read at once: between two portions (half a second each on one core) an answer can be stopped."""

REMEMBERED = 256
"""Tokens that the repetition penalty looks back."""


TEMPERATURE, TOP_P = 0.7, 0.95
"""For models whose makers recommend nothing, or greedy answers, which repeat themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A loaded model. ``ends`` are the tokens that end an answer."""

    model: Any
    conversation: Conversation
    decode: Callable[[Sequence[int]], str]
    ends: frozenset[int]
    penalty: float
    window: int
    temperature: float = TEMPERATURE
    top_p: float = TOP_P

    def answer(self, request: Generate, stopped: Callable[[], bool]) -> Iterator[Text]:
        """Yield the pieces of an answer, every choice with its finish, or until ``stopped``.

        Raises `ModelError` if the prompt leaves no room for an answer.
        """
        prompt = self.conversation.tokens(request.messages)
        room = self.window - len(prompt)
        if room < 1:
            raise ModelError(
                f"the prompt has {len(prompt)} tokens; the window has {self.window}, answer included"
            )
        sampling = self.resolved(request.sampling)
        stops = (*sampling.stop, *self.conversation.stops)
        # A choice is drawn with a seed of its own, so that it is the same whether or not others are made before it.
        seed = int.from_bytes(os.urandom(6), "big") if sampling.seed is None else sampling.seed
        for choice in range(max(1, sampling.n)):
            tokens = self._tokens(prompt, sampling, seed + choice, stopped)
            for text, finish, made in self.pieces(tokens, min(room, sampling.max_tokens), Stops(stops)):
                yield Text(
                    id=request.id,
                    text=text,
                    choice=choice,
                    finish=finish,
                    prompt=len(prompt) if finish else 0,
                    completion=made if finish else 0,
                )
            if stopped():
                return

    def pieces(self, tokens: Iterator[int], most: int, stops: Stops) -> Iterator[tuple[str, Any, int]]:
        """Yield text, finish and number of tokens so far; ends without a finish if ``tokens`` does."""
        characters = Detokenizer(self.decode)
        made = 0
        while made < most:
            token = next(tokens, None)
            if token is None:
                return
            if token in self.ends:
                yield stops.rest(), "stop", made
                return
            made += 1
            text = stops.push(characters.push(token))
            if stops.found:
                yield text, "stop", made
                return
            if text:
                yield text, None, made
        yield stops.rest(), "length", made

    def resolved(self, sampling: Sampling) -> Sampling:
        """Return ``sampling`` with the model's own where it asks for that."""
        return replace(
            sampling,
            temperature=self.temperature if sampling.temperature is None else sampling.temperature,
            top_p=self.top_p if sampling.top_p is None else sampling.top_p,
        )

    def _tokens(
        self, prompt: Sequence[int], sampling: Sampling, seed: int, stopped: Callable[[], bool]
    ) -> Iterator[int]:
        """Yield tokens for ever, or until ``stopped``."""
        import torch

        generator = torch.Generator().manual_seed(seed & (2**63 - 1))
        cache: Any = None
        logits: Any = None
        said: list[int] = []  # the prompt is left out: an answer takes up the words of its question
        for start in range(0, len(prompt), PREFILL):
            if stopped():
                return
            logits, cache = self._forward(prompt[start : start + PREFILL], cache)
        while not stopped():
            token = pick(penalized(logits, said[-REMEMBERED:], self.penalty), sampling, generator)
            yield token
            said.append(token)
            logits, cache = self._forward([token], cache)

    def _forward(self, tokens: Sequence[int], cache: Any) -> tuple[Any, Any]:
        import torch

        # The mode must not span a ``yield``: it belongs to the thread, not to the generator.
        with torch.inference_mode():
            out = self.model(torch.tensor([tokens]), past_key_values=cache, use_cache=True, logits_to_keep=1)
            return out.logits[0, -1].float(), out.past_key_values


def pick(logits: Any, sampling: Sampling, generator: Any) -> int:
    """Draw a token: the likeliest at temperature 0, else from the nucleus of ``top_p`` (https://arxiv.org/abs/1904.09751)."""
    import torch

    temperature = sampling.temperature or 0.0
    top_p = 1.0 if sampling.top_p is None else sampling.top_p
    with torch.inference_mode():
        if temperature <= 0:
            return int(logits.argmax())
        odds = torch.softmax(logits / temperature, dim=-1)
        if top_p >= 1:
            return int(torch.multinomial(odds, 1, generator=generator))
        odds, tokens = odds.sort(descending=True)
        before = odds.cumsum(0) - odds
        before[0] = -1  # the likeliest always stays
        odds = odds.masked_fill(before >= top_p, 0)
        return int(tokens[torch.multinomial(odds, 1, generator=generator)])


def penalized(logits: Any, said: Sequence[int], penalty: float) -> Any:
    """Return ``logits`` with what was ``said`` made less likely (CTRL, https://arxiv.org/abs/1909.05858)."""
    import torch

    if penalty == 1 or not said:
        return logits
    again = sorted(set(said))
    with torch.inference_mode():
        before = logits[again]
        logits[again] = torch.where(before < 0, before * penalty, before / penalty)
        return logits


def load(order: Load) -> Engine:
    """Load the model of a folder. Raises whatever transformers does; nothing was said yet that it could quote."""
    import torch

    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(order.threads)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
        order.folder, local_files_only=True, trust_remote_code=False
    )
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        order.folder,
        dtype=getattr(torch, order.dtype),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    )
    model.eval()
    own: Any = model.generation_config
    penalty = order.repetition_penalty if order.repetition_penalty is not None else own.repetition_penalty
    end: int | list[int] | None = own.eos_token_id
    ends: list[int | None] = [*end] if isinstance(end, list) else [end]
    return Engine(
        model=model,
        conversation=Conversation(tokenizer),
        decode=lambda tokens: tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        ),
        ends=frozenset(token for token in [*ends, tokenizer.eos_token_id] if token is not None),
        penalty=penalty or 1.0,
        window=order.window,
        temperature=own.temperature if own.do_sample and own.temperature else TEMPERATURE,
        top_p=own.top_p if own.do_sample and own.top_p else TOP_P,
    )
