"""The one place that knows numba: functions compiled to machine code, and the numbers that they compute with.

`Lanes` are 16 numbers of 32 bits: one register with AVX-512, two with AVX2. Every operation rounds as IEEE 754 has it
and in the order it is written; nothing is left to the compiler's choice, so that the same numbers give the same bits
wherever they stand. Addresses are in bytes, as plain integers.

numba and llvmlite have no type hints: what stands here is what the checkers believe of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from inspect import Parameter, Signature
from typing import Any, Generic, Protocol, TypeVar

_numba: Any = import_module("numba")
_extending: Any = import_module("numba.extending")
_typing: Any = import_module("numba.core.typing.templates")
_registry: Any = import_module("numba.core.registry")
_llvm: Any = import_module("llvmlite.binding")
ir: Any = import_module("llvmlite.ir")
kinds: Any = _numba.types

LANES = 16

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")


class Lanes(Protocol):
    """16 numbers of 32 bits."""

    def __add__(self, other: Lanes, /) -> Lanes: ...
    def __sub__(self, other: Lanes, /) -> Lanes: ...
    def __mul__(self, other: Lanes, /) -> Lanes: ...
    def __truediv__(self, other: Lanes, /) -> Lanes: ...


class Table(Protocol):
    """Rows of integers."""

    def __getitem__(self, at: tuple[int, int], /) -> int: ...
    def __len__(self) -> int: ...


class Column(Protocol):
    """Integers."""

    def __getitem__(self, at: int, /) -> int: ...
    def __len__(self) -> int: ...


def compiled(function: Function) -> Function:
    """Return a function that is compiled as a part of what calls it."""
    made: Function = _numba.njit(
        function, error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )
    return made


def merged(function: Function) -> Function:
    """Return a function that becomes part of the text of what calls it: less to compile for what is called once."""
    made: Function = _numba.njit(
        function,
        error_model="numpy",
        nogil=True,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        inline="always",
    )
    return made


def entry(function: Function, *given: Any, kept: bool = True) -> Function:
    """Compile a function of arguments of these ``kinds`` that returns an integer.

    What comes of it is ``kept`` for the next time, beside the source or in the user's cache folder; where neither can be
    written it is compiled each time.
    """
    _llvm.initialize_native_asmparser()  # for instructions that are spelt out
    make = partial(_numba.njit, kinds.int64(*given), error_model="numpy", nogil=True)
    made: Function
    try:
        made = make(cache=kept)(function)
    except (OSError, RuntimeError):  # the latter where numba finds no folder for it
        made = make()(function)
    return made


@cache
def features() -> frozenset[str]:
    """Return what the processor that is compiled for can do, in LLVM's words."""
    _, _, told = _registry.cpu_target.target_context.codegen().magic_tuple()
    return frozenset(word[1:] for word in told.split(",") if word.startswith("+"))


def wide() -> bool:
    """Return whether a register has 16 numbers of 32 bits (AVX-512), rather than 8."""
    return "avx512bw" in features()


# What follows writes LLVM's instructions (https://llvm.org/docs/LangRef.html).

BYTE, SHORT, INT, LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
HALF, FLOAT = ir.HalfType(), ir.FloatType()


def several(kind: Any, count: int = LANES) -> Any:
    """Return the type of that many numbers."""
    return ir.VectorType(kind, count)


FLOATS, INTS = several(FLOAT), several(INT)


def known(builder: Any, name: str, result: Any, *values: Any) -> Any:
    """Call a function that LLVM knows by ``name``."""
    of = ir.FunctionType(result, [value.type for value in values])
    function = builder.module.globals.get(name) or ir.Function(builder.module, of, name)
    return builder.call(function, values)


def loaded(builder: Any, address: Any, kind: Any, align: int) -> Any:
    """Read a value."""
    found = builder.load(builder.inttoptr(address, kind.as_pointer()))
    found.align = align
    return found


def stored(builder: Any, address: Any, value: Any, align: int) -> None:
    """Write a value."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = align


def spread(builder: Any, value: Any) -> Any:
    """Return lanes that all have the value."""
    nothing = ir.Constant(several(value.type), ir.Undefined)
    first = builder.insert_element(nothing, value, INT(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(INTS, [0] * LANES))


def part(builder: Any, value: Any, start: int, count: int) -> Any:
    """Return ``count`` lanes from ``start`` on."""
    taken = ir.Constant(several(INT, count), list(range(start, start + count)))
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), taken)


def fused(builder: Any, one: Any, other: Any, more: Any) -> Any:
    """Return ``one * other + more``, rounded once."""
    return known(builder, "llvm.fma.v16f32", FLOATS, one, other, more)


class _LanesKind(kinds.Type):  # type: ignore[misc]  # numba is not typed for mypy
    def __init__(self) -> None:
        made: Any = super()
        made.__init__(name="Lanes")


@_extending.register_model(_LanesKind)
class _LanesModel(_extending.models.PrimitiveModel):  # type: ignore[misc]  # likewise
    def __init__(self, manager: Any, kind: Any) -> None:
        made: Any = super()
        made.__init__(manager, kind, FLOATS)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value]):
    """numba's type of a ``Value``."""

    numba: Any


LANES_KIND: Kind[Lanes] = Kind(_LanesKind())
ADDRESS: Kind[int] = Kind(kinds.int64)
NUMBER: Kind[float] = Kind(kinds.float32)
NOTHING: Kind[None] = Kind(kinds.void)


def operation(result: Kind[Value], *given: Kind[Any]) -> Callable[[Callable[..., Any]], Callable[..., Value]]:
    """Make a function for compiled ones of what writes its instructions: that gets LLVM's builder and values."""
    names = ["context", *(f"value{number}" for number in range(len(given)))]
    signature = result.numba(*(kind.numba for kind in given))

    def decorate(write: Callable[..., Any]) -> Callable[..., Value]:
        def typed(*_context_and_kinds: Any) -> Any:
            def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
                found = write(builder, *values)
                return context.get_dummy_value() if found is None else found

            return signature, generate

        typed.__name__, typed.__doc__ = write.__name__, write.__doc__
        # numba counts the arguments.
        made: Any = typed
        made.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_ONLY) for name in names])
        found: Callable[..., Value] = _extending.intrinsic(made)
        return found

    return decorate


def _operator(symbol: Any, instruction: str) -> None:
    lanes = LANES_KIND.numba
    cases = [_typing.signature(lanes, lanes, lanes)]
    _typing.infer_global(symbol)(type(f"Lanes_{instruction}", (_typing.ConcreteTemplate,), {"cases": cases}))

    def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return getattr(builder, instruction)(*values)

    _extending.lower_builtin(symbol, lanes, lanes)(generate)


for _symbol, _instruction in {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}.items():
    _operator(getattr(operator, _symbol), _instruction)
