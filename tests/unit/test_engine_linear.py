"""Products with weights, in their own type and in 8 bits."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest
from small_models import threads, torch_seed

if TYPE_CHECKING:
    from torch import Tensor

    from rostra_models.engine.linear import Norm

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    with threads(1):
        yield


ROWS, IN, OUT = 5, 64, 96


def weights() -> tuple[Tensor, Tensor]:
    with torch_seed(1) as torch:
        return torch.randn(OUT, IN), torch.randn(OUT)


def inputs() -> Tensor:
    """Return rows of very different size."""
    with torch_seed(2) as torch:
        found: Tensor = torch.randn(ROWS, IN) * torch.tensor([1.0, 100.0, 1e-3, 0.0, 7.0])[:, None]
        return found


def norm() -> Norm:
    from rostra_models.engine.linear import Norm

    with torch_seed(4) as torch:
        return Norm(torch.rand(IN) + 0.5, 1e-5)


def coarse(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows as whole numbers of at most 127, and what these are to be multiplied with."""
    scale = numbers.double().abs().amax(-1, keepdim=True).clamp_min(1e-12) / 127
    return (numbers.double() / scale).round(), scale


def off(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).square().sum() / expected.square().sum()) ** 0.5


def test_8_bit_products_are_those_of_rounded_rows_and_rounded_weights() -> None:
    import torch

    from rostra_models.engine.linear import Int8

    weight, bias = weights()
    rows = inputs()
    (whole, scale), (whole_weight, weight_scale) = coarse(rows), coarse(weight)
    expected = (whole @ whole_weight.t()) * scale * weight_scale.t()
    found = Int8.of(weight).added(rows, torch.zeros(ROWS, OUT))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6)
    to = torch.ones(ROWS, OUT)
    with_bias = Int8.of(weight, bias).added(rows, to)
    torch.testing.assert_close(with_bias.double(), expected + 1 + bias, rtol=1e-5, atol=1e-5)
    assert to.eq(1).all()
    assert 1e-4 < off(found, rows.double() @ weight.double().t()) < 0.03


@pytest.mark.parametrize("rows", [1, 2, 17, 33])
@pytest.mark.parametrize("by", ["Packed", "Plain"])
def test_8_bit_sums_are_exact_whoever_makes_them(by: str, rows: int) -> None:
    from rostra_models.engine import products

    assert products.exact()
    make: Any = getattr(products, by)
    if not products.right(make):
        pytest.skip("this processor adds products of 8 bits in 16, which are too few")
    with torch_seed(rows) as torch:
        left = torch.randint(-127, 128, (rows, 640))
        right = torch.randint(-127, 128, (48, 640))
        left[0], right[0], right[1] = 127, 127, -127  # nothing is larger
        times = make(right.to(torch.int8), torch.ones(48))
        assert torch.equal(times(left.float()).long(), left @ right.t())


def test_whoever_makes_products_rounds_and_scales_alike() -> None:
    from rostra_models.engine.products import Packed, Plain, right

    if not (right(Packed) and right(Plain)):
        pytest.skip("this processor adds products of 8 bits in 16, which are too few")
    with torch_seed(3) as torch:
        rows = (torch.rand(9, 64) - 0.5) * 254
        rows[0] = torch.arange(64) - 31.5  # halves go to the even neighbour
        weight, scale = torch.randint(-127, 128, (96, 64), dtype=torch.int8), torch.rand(96)
        assert torch.equal(Packed(weight, scale)(rows), Plain(weight, scale)(rows))


def test_fine_products_are_a_hundred_times_nearer() -> None:
    import torch

    from rostra_models.engine.linear import Int8

    weight, _ = weights()
    rows, nothing = inputs(), torch.zeros(ROWS, OUT)
    whole_weight, weight_scale = coarse(weight)
    expected = rows.double() @ (whole_weight * weight_scale).t()  # what is left is the rounding of the inputs
    plain = off(Int8.of(weight).added(rows, nothing), expected)
    fine = off(Int8.of(weight, fine=True).added(rows, nothing), expected)
    assert fine < plain / 100


@pytest.mark.parametrize("fine", [False, True])
def test_rows_of_zeros_give_zeros_and_then_the_bias(fine: bool) -> None:
    import torch

    from rostra_models.engine.linear import Int8

    weight, bias = weights()
    rows, nothing = torch.zeros(2, IN), torch.zeros(2, OUT)
    assert Int8.of(weight, fine=fine).added(rows, nothing).eq(0).all()
    assert Int8.of(weight, fine=fine).normed(rows, norm()).eq(0).all()
    assert Int8.of(weight, bias, fine=fine).added(rows, nothing).equal(bias.expand(2, OUT))
    assert Int8.of(weight, bias, fine=fine).normed(rows, norm()).equal(bias.expand(2, OUT))


@pytest.mark.parametrize("fine", [False, True])
def test_weights_of_zeros_give_zeros(fine: bool) -> None:
    import torch

    from rostra_models.engine.linear import Int8

    weight, _ = weights()
    weight[3] = 0
    found = Int8.of(weight, fine=fine).added(inputs(), torch.zeros(ROWS, OUT))
    assert found[:, 3].eq(0).all()
    assert found.isfinite().all()


@pytest.mark.parametrize("fine", [False, True])
def test_no_bit_of_a_row_depends_on_the_rows_beside_it(fine: bool) -> None:
    import torch

    from rostra_models.engine.linear import Int8

    matrix = Int8.of(*weights(), fine=fine)
    rows, to = inputs(), torch.ones(ROWS, OUT)
    normed, added = matrix.normed(rows, norm()), matrix.added(rows, to)
    for row in range(ROWS):
        assert matrix.normed(rows[[row]], norm()).equal(normed[[row]])
        assert matrix.added(rows[[row]], to[[row]]).equal(added[[row]])


def test_normed_products_are_products_with_what_the_norm_gives() -> None:
    import torch

    from rostra_models.engine.linear import Dense, Int8

    weight, bias = weights()
    rows = inputs()
    expected = norm()(rows).double() @ weight.double().t() + bias
    torch.testing.assert_close(
        Dense(weight, bias).normed(rows, norm()).double(), expected, rtol=1e-4, atol=1e-4
    )
    assert off(Int8.of(weight, bias).normed(rows, norm()), expected) < 0.02


def test_products_in_the_weights_own_type_are_torch_s() -> None:
    import torch
    from torch.nn.functional import linear

    from rostra_models.engine.linear import Dense

    weight, bias = weights()
    rows, to = inputs(), torch.ones(ROWS, OUT)
    torch.testing.assert_close(Dense(weight, bias).added(rows, to), linear(rows, weight, bias) + 1)
    torch.testing.assert_close(Dense(weight).added(rows, to), linear(rows, weight) + 1)


def test_an_embedding_looks_up_rows_of_the_weights() -> None:
    import torch

    from rostra_models.engine.linear import Dense, Int8

    weight, _ = weights()
    numbers = torch.tensor([5, 0, 5])
    assert Dense(weight).rows(numbers).equal(weight[numbers])
    step = weight[numbers].abs().amax(-1, keepdim=True) / 127
    for _ in range(2):  # looking up leaves the scales as they are
        found = Int8.of(weight, looked_up=True).rows(numbers)
        assert ((found - weight[numbers]).abs() <= step * 0.501).all()


def test_the_norm_is_torch_s_and_its_factor_is_what_it_multiplies_with() -> None:
    import torch
    from torch.nn.functional import rms_norm

    made, rows = norm(), inputs()
    assert made(rows).equal(rms_norm(rows, (IN,), made.weight, 1e-5))
    torch.testing.assert_close(rows * made.factor(rows) * made.weight, made(rows))
