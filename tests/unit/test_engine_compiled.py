"""The compiled step: what it computes, and that it always computes the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_models import made_by_transformers, threads

from rostra_models.shape import Shape, read
from rostra_models.testing import tiny_llama

if TYPE_CHECKING:
    from torch import Tensor

    from rostra_models.engine.compiled.model import Compiled

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    from rostra_models.engine.compiled import works

    if not works():
        pytest.skip("this machine compiles no step")
    with threads(1):
        yield


SMALL: dict[str, Any] = {
    "hidden_size": 72,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "intermediate_size": 100,
    "vocab_size": 301,
    "max_position_embeddings": 4096,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "tied": ("llama", {"tie_word_embeddings": True}),
    "one head of keys": ("llama", {"num_key_value_heads": 1, "head_dim": 64}),
    "as many keys as queries": ("llama", {"num_key_value_heads": 6, "head_dim": 80}),
    "biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 32}),
}


def rounded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what weights are in 8 bits, as 32-bit numbers."""
    from rostra_models.engine.compiled.packing import rounded_weights

    found: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if weight.dim() < 2:
            found[name] = weight.float()
            continue
        whole, scale = rounded_weights(weight)
        found[name] = whole.float() * scale[:, None]
    return found


def model(folder: Path, count: int = 1) -> Compiled:
    from rostra_models.engine.compiled.model import Compiled
    from rostra_models.engine.loading import Stored

    return Compiled(shape(folder), Stored(folder), threads=count)


def shape(folder: Path) -> Shape:
    found = read(folder)
    assert found is not None
    return found


def tokens(count: int, seed: int = 0) -> list[int]:
    random = Random(seed)
    return [random.randrange(3, 250) for _ in range(count)]


def logits(of: Any, prompt: Sequence[int], cuts: Sequence[int] = ()) -> Tensor:
    """Return the logits after each token of a prompt that is read in portions."""
    import torch

    from rostra_models.engine.runner import Part

    memory = of.memory(len(prompt))
    portions = [prompt[start:end] for start, end in pairwise([0, *cuts, len(prompt)])]
    return torch.cat([of.forward([Part(memory=memory, tokens=one)], every=True) for one in portions])


def off(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).square().sum() / expected.square().sum()) ** 0.5


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("name", KINDS)
def test_logits_are_those_of_the_rounded_weights(name: str, tmp_path: Path) -> None:
    from rostra_models.engine.loading import Stored, lean

    kind, config = KINDS[name]
    made_by_transformers(kind, tmp_path, **SMALL | config)
    exact = lean(shape(tmp_path), rounded(dict(Stored(tmp_path))), kind="float32")
    prompt = tokens(150)
    expected, found = logits(exact, prompt), logits(model(tmp_path), prompt)
    assert float(expected.std()) > 0.5  # else being near would say little
    assert off(found, expected) < 2e-3  # keys and values have 16 bits
    assert (found.argmax(-1) == expected.argmax(-1)).float().mean() > 0.97


def test_a_history_of_2000_tokens_is_seen_to_its_beginning(tmp_path: Path) -> None:
    from rostra_models.engine.loading import Stored, lean

    made_by_transformers("llama", tmp_path, **SMALL)
    exact = lean(shape(tmp_path), rounded(dict(Stored(tmp_path))), kind="float32")
    prompt = tokens(2050)
    cuts = range(500, 2050, 500)
    expected, found = logits(exact, prompt, cuts)[-50:], logits(model(tmp_path), prompt, cuts)[-50:]
    assert off(found, expected) < 2e-3
    other = logits(model(tmp_path), [prompt[0] + 1, *prompt[1:]], cuts)[-50:]
    assert not found.equal(other)


def test_wherever_a_prompt_is_cut_its_logits_are_the_same_to_the_last_bit(tiny: Path) -> None:
    ours, prompt = model(tiny), tokens(200)
    whole = logits(ours, prompt)
    assert logits(ours, prompt, range(1, 200)).equal(whole)
    for seed in range(5):
        random = Random(seed)
        assert logits(ours, prompt, sorted(random.sample(range(1, 200), 9))).equal(whole)


@pytest.mark.parametrize("count", range(1, 18))
def test_so_many_conversations_side_by_side_change_no_bit(count: int, tiny: Path) -> None:
    from rostra_models.engine.runner import Part

    ours = model(tiny)
    random = Random(count)
    prompts = [tokens(random.choice([1, 1, 2, 7, 40]), seed) for seed in range(count)]
    parts = [Part(memory=ours.memory(50), tokens=prompt) for prompt in prompts]
    together = ours.forward(parts)
    following = ours.forward([Part(memory=part.memory, tokens=[5]) for part in parts])
    for number, prompt in enumerate(prompts):
        alone = logits(ours, [*prompt, 5])
        assert together[number].equal(alone[-2])
        assert following[number].equal(alone[-1])


def test_only_what_is_wanted_gets_logits(tiny: Path) -> None:
    from rostra_models.engine.runner import Part

    ours = model(tiny)
    prompts = [tokens(9, seed) for seed in range(3)]
    parts = [Part(memory=ours.memory(9), tokens=prompt, wanted=at != 1) for at, prompt in enumerate(prompts)]
    found = ours.forward(parts)
    assert found.shape == (2, shape(tiny).vocabulary)
    assert found[1].equal(logits(ours, prompts[2])[-1])
    nothing = ours.forward([Part(memory=ours.memory(9), tokens=prompts[0], wanted=False)])
    assert nothing.shape == (0, shape(tiny).vocabulary)


def test_threads_share_the_work_and_change_no_bit(tmp_path: Path) -> None:
    made_by_transformers("qwen3", tmp_path, **SMALL)
    prompt = tokens(90)
    alone = logits(model(tmp_path), prompt, [33, 34, 35])
    for count in (2, 3):
        assert logits(model(tmp_path, count), prompt, [33, 34, 35]).equal(alone)


def test_a_copy_goes_its_own_way_with_a_room_of_its_own(tiny: Path) -> None:
    from rostra_models.engine.runner import Part

    ours, prompt = model(tiny), tokens(70)
    first = ours.memory(70)
    ours.forward([Part(memory=first, tokens=prompt)])
    copy = first.copied(66, 200)
    assert (copy.length, copy.room, copy.bytes) == (66, 200, 66 * ours.token_bytes)
    with pytest.raises(ValueError, match="71 tokens do not fit into a cache for 70"):
        ours.forward([Part(memory=first, tokens=[1])])
    found = ours.forward([Part(memory=copy, tokens=tokens(120, 1))])
    assert found[0].equal(logits(ours, [*prompt[:66], *tokens(120, 1)])[-1])
    assert first.copied(70, 71).bytes == 70 * ours.token_bytes


def test_numbers_beyond_16_bits_stay_finite(tmp_path: Path) -> None:
    import torch

    from rostra_models.engine.compiled.model import Compiled
    from rostra_models.engine.loading import Stored

    made_by_transformers("qwen2", tmp_path, **SMALL)
    weights = dict(Stored(tmp_path))
    loud = ("k_proj.bias", "v_proj.bias")
    weights = {name: one * (1e6 if name.endswith(loud) else 1) for name, one in weights.items()}
    found = logits(Compiled(shape(tmp_path), weights, threads=1), tokens(20))
    assert bool(torch.isfinite(found).all())


@cache
def multiply() -> Callable[[NDArray[np.int64]], int]:
    from rostra_models.engine.compiled.native import entry, kinds
    from rostra_models.engine.compiled.products import Matrix, Product, multiplied

    def call(given: NDArray[np.int64]) -> int:
        matrix = Matrix(given[0], given[1], given[2], given[3], given[4])
        product = Product(given[5], given[6], given[7], given[8])
        multiplied(matrix, product, given[9], 0, matrix.outputs)
        return 0

    return entry(call, kinds.Array(kinds.int64, 1, "C"), kept=False)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17])
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 64), (320, 192), (4096, 64)])
def test_products_are_exact_though_every_number_is_as_large_as_can_be(
    rows: int, inputs: int, outputs: int
) -> None:
    random = np.random.default_rng(rows * inputs)
    most = min(32767, (2**31 - 1) // (127 * inputs))
    x: NDArray[np.int16] = random.integers(-most, most + 1, (rows, inputs), dtype=np.int16)
    weights = random.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    x[0], weights[0], weights[1] = most, 127, -127  # nothing is larger
    scales, bias = random.random((2, outputs), dtype=np.float32)
    room = -(-rows // 8) * 8
    units, out = random.random(room, dtype=np.float32), np.ones((room, outputs), dtype=np.float32)
    spare = np.zeros((room, inputs), dtype=np.int16)
    spare[:rows] = x
    packed = np.ascontiguousarray(weights.reshape(outputs // 16, 16, inputs // 2, 2).transpose(0, 2, 1, 3))
    sums = (x.astype(np.int64) @ weights.T.astype(np.int64)).astype(np.float32)
    matrix = [packed.ctypes.data, scales.ctypes.data, bias.ctypes.data, inputs, outputs]
    product = [spare.ctypes.data, units.ctypes.data, out.ctypes.data]
    for keep in (0, 1):
        before = out[:rows].copy()
        multiply()(np.array([*matrix, *product, keep, rows]))
        expected = (sums * scales).astype(np.float64) * units[:rows, None] + bias + keep * before
        np.testing.assert_allclose(out[:rows], expected, rtol=3e-7, atol=1e-6 * np.abs(expected).max())


@cache
def row_functions() -> Callable[[int, int, int, int], int]:
    from rostra_models.engine.compiled.lanes import load, store, store_one
    from rostra_models.engine.compiled.native import entry, kinds
    from rostra_models.engine.compiled.rows import exponential, rounded

    def call(x: int, count: int, powers: int, whole: int) -> int:
        for at in range(0, 4 * count, 64):
            store(powers + at, exponential(load(x + at)))
        store_one(x, rounded(x, count, whole))
        return 0

    return entry(call, *[kinds.int64] * 4, kept=False)


@pytest.mark.parametrize("size", [0.0, 1e-20, 1.0, 40.0, 1e20])
def test_rows_are_rounded_and_raised_as_exactly_as_numbers_of_their_size_can_be(size: float) -> None:
    x = (np.random.default_rng(0).random(320, dtype=np.float32) * 2 - 1) * np.float32(size)
    before, powers, whole = x.astype(np.float64), np.empty_like(x), np.empty(320, dtype=np.int16)
    row_functions()(x.ctypes.data, 320, powers.ctypes.data, whole.ctypes.data)
    unit, levels = float(x[0]), 32767
    assert np.abs(whole).max() == (levels if size else 0)
    assert np.abs(whole * unit - before).max() <= unit * 0.51
    np.testing.assert_allclose(powers, np.exp(before.clip(-60, 88)), rtol=1e-6)


def elsewhere(folder: Path, script: str, **environment: str) -> str:
    """Run something in a process of its own; ``folder`` is its argument."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(folder)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


DIGEST = """
import sys, hashlib, torch
from pathlib import Path
from rostra_models.engine.loading import runner
from rostra_models.engine.runner import Part
torch.set_num_threads(1)
ours = runner(Path(sys.argv[1]), kind="int8")
prompt = [3 + (7 * at) % 240 for at in range(130)]
memory = ours.memory(140)
ours.forward([Part(memory=memory, tokens=prompt)])
found = ours.forward([Part(memory=memory, tokens=[5])])
print(hashlib.sha256(found.contiguous().numpy().tobytes()).hexdigest())
"""


def test_a_processor_with_avx2_alone_gives_the_same_bits(tiny: Path) -> None:
    from rostra_models.engine.compiled.native import wide

    if not wide():
        pytest.skip("this processor has no other way to compare with")
    plain = (
        "+avx,+avx2,+fma,+f16c,+sse4.1,+sse4.2,+ssse3,+sse3,+sse2,+popcnt,+bmi,+bmi2,+cx16,-avx512f,-avx512bw"
    )
    narrow = elsewhere(tiny, DIGEST, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES=plain)
    assert narrow == elsewhere(tiny, DIGEST)


def test_without_numba_answers_are_made_in_32_bits(tiny: Path) -> None:
    script = """
import sys
sys.modules["numba"] = None
from pathlib import Path
from rostra.errors import ModelError
from rostra_models.engine.loading import runner
print(type(runner(Path(sys.argv[1]))).__name__)
try:
    runner(Path(sys.argv[1]), kind="int8")
except ModelError as error:
    print(error)
"""
    name, error = elsewhere(tiny, script).splitlines()
    assert name == "Llama"
    assert "needs numba" in error


def test_where_nothing_can_be_kept_it_is_compiled_each_time() -> None:
    from rostra_models.engine.compiled.native import entry, kinds

    unkept: dict[str, Any] = {}
    exec(
        compile("def made(x): return x + 1", "<nowhere>", "exec"), unkept
    )  # numba finds no file to keep it beside
    assert entry(unkept["made"], kinds.int64)(41) == 42
