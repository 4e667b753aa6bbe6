"""Tokenizers trained on one's own text, kept in Hugging Face's format with what a chat needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .errors import TrainError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Kind = Literal["bpe", "byte", "char"]

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""End of a document and padding; begin and end of what somebody says in a chat (ChatML)."""

TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|im_start|>assistant\n{% generation %}{{ message['content'] }}<|im_end|>{% endgeneration %}{{ '\\n' }}"
    "{% else %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML; ``generation`` marks what is learned, for trainers that ask the template."""

_BYTES = 256


def train_tokenizer(texts: Iterable[str], *, kind: Kind, vocabulary: int = 8192) -> PreTrainedTokenizerFast:
    """Return a tokenizer of ``texts``.

    ``bpe``   byte-level pairs up to ``vocabulary`` entries, special tokens among them; reads any text.
    ``byte``  the 256 bytes; ``texts`` are not read.
    ``char``  each character of ``texts``; another one is `SPECIAL`'s first. For small experiments.

    The same texts give the same tokenizer. Raises `TrainError`.
    """
    from transformers import PreTrainedTokenizerFast as Fast

    if kind == "char":
        made = _characters(texts)
    else:
        made = _byte_pairs(texts, vocabulary) if kind == "bpe" else _byte_pairs((), _BYTES + len(SPECIAL))
    wrapped: Any = Fast(
        tokenizer_object=made,
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[0],
        unk_token=SPECIAL[0] if kind == "char" else None,
        additional_special_tokens=[SPECIAL[1]],
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = TEMPLATE
    return wrapped


def _byte_pairs(texts: Iterable[str], vocabulary: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary < _BYTES + len(SPECIAL):
        raise TrainError(
            f"vocabulary is {vocabulary!r}: the bytes and the special tokens alone are {_BYTES + len(SPECIAL)}"
        )
    made: Any = Tokenizer(models.BPE())
    # Digits one by one, and GPT-2's expression: what every converter knows (llama.cpp calls it smollm).
    split: Any = [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ]
    made.pre_tokenizer = pre_tokenizers.Sequence(split)
    made.decoder = decoders.ByteLevel()
    trainer: Any = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def _characters(texts: Iterable[str]) -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    found = sorted({character for text in texts for character in text})
    if not found:
        raise TrainError("no text to take characters from")
    names = [*SPECIAL, *found]
    made: Any = Tokenizer(
        models.WordLevel({name: number for number, name in enumerate(names)}, unk_token=SPECIAL[0])
    )
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    made.decoder = decoders.Fuse()
    made.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIAL])
    return made


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer of a Hugging Face folder, from there alone. Raises `TrainError`."""
    import transformers

    if not (folder / "tokenizer.json").is_file() and not (folder / "tokenizer_config.json").is_file():
        raise TrainError(f"no tokenizer in {str(folder)!r}: it has no tokenizer.json")
    kind: Any = transformers.AutoTokenizer
    loaded: PreTrainedTokenizerFast = kind.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    return loaded


def specials(tokenizer: PreTrainedTokenizerFast) -> Mapping[str, int]:
    """Return what a model's configuration says of special tokens."""
    those: Any = tokenizer
    named = {"eos_token_id": those.eos_token_id, "pad_token_id": those.pad_token_id}
    return {name: int(number) for name, number in named.items() if number is not None}


AT_ONCE = 1 << 22
"""Characters that are tokenised side by side, about."""


def encode(
    tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], *, at_once: int = 256
) -> Iterator[list[int]]:
    """Yield the tokens of each text, without any that stand for its begin or end."""
    own: Any = tokenizer.backend_tokenizer
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if len(held) == at_once or size >= AT_ONCE:
            yield from (one.ids for one in own.encode_batch_fast(held, add_special_tokens=False))
            held, size = [], 0
    yield from (one.ids for one in own.encode_batch_fast(held, add_special_tokens=False))
