"""Peer of the generation bench: llama.cpp through llama-cpp-python. Run by the peers' interpreter.

``llamacpp.py FILE SEQUENCES WINDOW`` loads a GGUF file for so many parallel sequences of so many tokens each. It
decodes one token of every sequence at once through llama.cpp's own batches, on one thread; the likeliest token is found
by numpy in llama.cpp's own memory.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import llama_cpp as llama
import numpy as np

serve = runpy.run_path(str(Path(__file__).parents[1] / "lines.py"))["serve"]
BATCH = 2048


class Answers:
    """A model and a context for several sequences."""

    def __init__(self, file: str, sequences: int, window: int) -> None:
        llama.llama_backend_init()
        self.model = llama.llama_model_load_from_file(file.encode(), llama.llama_model_default_params())
        wanted = llama.llama_context_default_params()
        wanted.n_ctx = sequences * window
        wanted.n_seq_max = sequences
        wanted.n_batch = BATCH
        wanted.n_threads = wanted.n_threads_batch = 1
        wanted.flash_attn_type = (
            llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )  # a third slower with it on CPUs, measured
        self.context = llama.llama_init_from_model(self.model, wanted)
        self.memory = llama.llama_get_memory(self.context)
        self.vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self.model))
        self.batch = llama.llama_batch_init(BATCH, 0, 1)
        self.sequences = sequences

    def answer(self, prompts: list[list[int]], tokens: int) -> list[list[int]]:
        """Answer as many at once as there are sequences."""
        made = []
        for start in range(0, len(prompts), self.sequences):
            made += self.together(prompts[start : start + self.sequences], tokens)
        return made

    def together(self, prompts: list[list[int]], tokens: int) -> list[list[int]]:
        llama.llama_memory_clear(self.memory, True)
        made = [[token] for token in self.prefill(prompts)]
        batch = self.batch
        for number in range(len(prompts)):
            batch.n_seq_id[number] = 1
            batch.seq_id[number][0] = number
            batch.logits[number] = 1
        batch.n_tokens = len(prompts)
        for step in range(tokens - 1):
            for number, prompt in enumerate(prompts):
                batch.token[number] = made[number][-1]
                batch.pos[number] = len(prompt) + step
            self.decode()
            for number in range(len(prompts)):
                made[number].append(self.likeliest(number))
        return made

    def prefill(self, prompts: list[list[int]]) -> list[int]:
        """Read the prompts in as few batches as they fit, and return the first token of each."""
        batch, first, last = self.batch, [0] * len(prompts), {}
        batch.n_tokens = 0

        def flush() -> None:
            self.decode()
            for number, place in last.items():
                first[number] = self.likeliest(place)
            last.clear()
            batch.n_tokens = 0

        for number, prompt in enumerate(prompts):
            for position, token in enumerate(prompt):
                if batch.n_tokens == BATCH:
                    flush()
                place = batch.n_tokens
                batch.token[place], batch.pos[place] = token, position
                batch.n_seq_id[place], batch.seq_id[place][0] = 1, number
                batch.logits[place] = position == len(prompt) - 1
                if batch.logits[place]:
                    last[number] = place
                batch.n_tokens += 1
        flush()
        return first

    def decode(self) -> None:
        failed = llama.llama_decode(self.context, self.batch)
        if failed:
            raise RuntimeError(f"llama_decode: {failed}")

    def likeliest(self, place: int) -> int:
        logits = llama.llama_get_logits_ith(self.context, place)
        return int(np.ctypeslib.as_array(logits, shape=(self.vocabulary,)).argmax())


if __name__ == "__main__":
    file, sequences, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    serve(lambda: {"answer": Answers(file, sequences, window).answer})
