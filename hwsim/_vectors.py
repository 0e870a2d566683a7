"""Values of 512 bits in kernels: 32 lanes of 16 bits, 16 of 32 bits or 8 of 64 bits.

LLVM's own vectoriser takes loops over lanes apart into a main part, an epilogue and a scalar
rest, with checks for overlap in front: for the 64 lanes of a narrow layer that is most of the
time.  Here a vector is a value: loaded once, kept in a register over all words and planes.
The operations are LLVM's generic ones, so every processor runs them; one with shorter vectors
takes two or four instructions for each.  Only `lookup` asks for AVX-512 and gathers without it.

Operators `+ - * / & | ^ >>` (`/` of floats) are those of the lanes' own type; there is no `+=`,
for without the compiler a vector is a NumPy array.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from numba.np import arrayobj

from hwsim._jit import JIT_DISABLED

BYTES = 64


class Vector(types.Type):
    """Numba's type of a vector of `count` lanes."""

    def __init__(self, lane: Any, count: int) -> None:
        """Lanes of Numba's scalar type `lane`."""
        self.lane, self.count = lane, count
        super().__init__(name=f"Vector({lane}, {count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        """LLVM's type of the same lanes."""
        lane = dmm.lookup(fe_type.lane).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(lane, fe_type.count))


def _vector_of(lane: Any) -> Vector:
    return Vector(lane, BYTES * 8 // lane.bitwidth)


def _llvm(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    signature = ir.FunctionType(result, [a.type for a in arguments])
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, arguments)


def _pointer(
    context: Any, builder: Any, array_type: Any, array: Any, index: Any, itype: Any
) -> Any:
    made = arrayobj.make_array(array_type)(context, builder, array)
    places = cgutils.unpack_tuple(builder, index, len(itype))
    places = [
        context.cast(builder, place, kind, types.intp)
        for place, kind in zip(places, itype, strict=True)
    ]
    return cgutils.get_item_pointer(context, builder, array_type, made, places, wraparound=False)


def _mask(builder: Any, count: Any, lanes: int) -> Any:
    """True in the first `count` lanes."""
    kind = ir.IntType(32)
    numbers = ir.Constant(ir.VectorType(kind, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, _splat(builder, builder.trunc(count, kind), lanes))


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    vector = ir.VectorType(value.type, lanes)
    first = builder.insert_element(
        ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), order)


def _load(builder: Any, pointer: Any, vector: Any, count: Any, size: int) -> Any:
    """The first `count` lanes of a vector from unaligned memory, zeros after them."""
    lanes = vector.count
    if not isinstance(count.type, ir.IntType):  # None
        return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=size)
    whole = builder.icmp_signed(">=", count, ir.Constant(count.type, lanes))
    result = cgutils.alloca_once(builder, vector)
    with builder.if_else(whole, likely=True) as (full, part):
        with full:
            place = builder.bitcast(pointer, vector.as_pointer())
            builder.store(builder.load(place, align=size), result)
        with part:
            place = builder.bitcast(pointer, vector.as_pointer())
            name = f"llvm.masked.load.v{lanes}{_name(vector.element)}.p0"
            arguments = [
                place,
                ir.Constant(ir.IntType(32), size),
                _mask(builder, count, lanes),
                ir.Constant(vector, None),
            ]
            builder.store(_llvm(builder, name, vector, arguments), result)
    return builder.load(result)


def _count_type(count: Any) -> Any:
    return types.none if isinstance(count, types.NoneType) else types.intp


def _name(element: Any) -> str:
    return "f32" if isinstance(element, ir.FloatType) else f"i{element.width}"


if JIT_DISABLED:

    def lane_count(array: Any) -> int:
        """Lanes of a vector of the array's elements."""
        lanes: int = BYTES // array.itemsize
        return lanes

    def load(array: Any, index: Any, count: int | None) -> Any:
        """The vector of array[index], array[index + 1] ..., zeros from lane `count` on.

        count: None for all lanes: without a branch, which within loops costs a factor of two.
        """
        lanes = lane_count(array)
        found = np.zeros(lanes, array.dtype)
        count = lanes if count is None else max(0, min(count, lanes))
        found[:count] = array[index[:-1]][index[-1] : index[-1] + count]
        return found

    def load_as(array: Any, index: Any, count: int | None, kind: Any) -> Any:
        """As `load`, of integers widened to lanes of the type `kind`."""
        found = np.zeros(BYTES // np.dtype(kind).itemsize, kind)
        count = found.size if count is None else max(0, min(count, found.size))
        found[:count] = array[index[:-1]][index[-1] : index[-1] + count]
        return found

    def store(vector: Any, array: Any, index: Any, count: int | None) -> None:
        """array[index], array[index + 1] ... = the first `count` lanes."""
        count = vector.size if count is None else min(count, vector.size)
        array[index[:-1]][index[-1] : index[-1] + count] = vector[:count]

    def splat(value: Any) -> Any:
        """A vector of equal lanes."""
        return np.full(BYTES // value.itemsize, value)

    def popcount(vector: Any) -> Any:
        """Ones in each lane."""
        return np.bitwise_count(vector).astype(vector.dtype)

    def bit_mask(vector: Any, bit: int) -> Any:
        """The bit number `bit` of 32 lanes, lane 0 lowest, as uint32."""
        return np.packbits(vector >> bit & 1, bitorder="little").view(np.uint32)[0]

    def to_float(vector: Any) -> Any:
        """float32 of 32-bit integers."""
        return vector.astype(np.float32)

    def round_down(vector: Any) -> Any:
        """The largest 32-bit integers not above float32 lanes."""
        return np.floor(vector).astype(np.int32)

    def bits_of(vector: Any) -> Any:
        """IEEE patterns of float32 lanes."""
        return vector.view(np.int32)

    def signed(vector: Any) -> Any:
        """Unsigned lanes read as signed ones."""
        return vector.view(np.dtype(f"i{vector.itemsize}"))

    def root(vector: Any) -> Any:
        """Square roots of float32 lanes."""
        return np.sqrt(vector)

    def magnitude(vector: Any) -> Any:
        """Absolute values of float32 lanes."""
        return np.abs(vector)

    def clip(vector: Any, low: Any, high: Any) -> Any:
        """Lanes kept within low..high."""
        return np.minimum(np.maximum(vector, low), high)

    def lookup(table: Any, index: Any) -> Any:
        """table[index % 32]; table (32,) float32, index 32-bit integers."""
        return table[index & 31]

else:

    @intrinsic
    def lane_count(_context: Any, array: Any) -> Any:
        """Lanes of a vector of the array's elements: a constant, or loops begin by a division."""
        lanes = BYTES * 8 // array.dtype.bitwidth

        def codegen(_context: Any, _builder: Any, _signature: Any, _args: Any) -> Any:
            return ir.Constant(ir.IntType(64), lanes)

        return types.intp(array), codegen

    @intrinsic
    def load(_context: Any, array: Any, index: Any, count: Any) -> Any:
        """The vector of array[index], array[index + 1] ..., zeros from lane `count` on."""
        result = _vector_of(array.dtype)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _pointer(context, builder, array, args[0], args[1], signature.args[1])
            vector = context.get_value_type(result)
            return _load(builder, pointer, vector, args[2], array.dtype.bitwidth // 8)

        return result(array, index, _count_type(count)), codegen

    @intrinsic
    def load_as(_context: Any, array: Any, index: Any, count: Any, kind: Any) -> Any:
        """As `load`, of integers widened to lanes of the type `kind`."""
        result = _vector_of(kind.instance_type)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _pointer(context, builder, array, args[0], args[1], signature.args[1])
            narrow = ir.VectorType(ir.IntType(array.dtype.bitwidth), result.count)
            loaded = _load(builder, pointer, narrow, args[2], array.dtype.bitwidth // 8)
            vector = context.get_value_type(result)
            return loaded if narrow == vector else builder.sext(loaded, vector)

        return result(array, index, _count_type(count), kind), codegen

    @intrinsic
    def store(_context: Any, vector: Any, array: Any, index: Any, count: Any) -> Any:
        """array[index], array[index + 1] ... = the first `count` lanes."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            value, count = args[0], args[3]
            pointer = _pointer(context, builder, array, args[1], args[2], signature.args[2])
            place = builder.bitcast(pointer, value.type.as_pointer())
            size = array.dtype.bitwidth // 8
            if not isinstance(count.type, ir.IntType):  # None
                builder.store(value, place, align=size)
                return context.get_dummy_value()
            whole = builder.icmp_signed(">=", count, ir.Constant(count.type, vector.count))
            with builder.if_else(whole, likely=True) as (full, part):
                with full:
                    builder.store(value, place, align=size)
                with part:
                    name = f"llvm.masked.store.v{vector.count}{_name(value.type.element)}.p0"
                    mask = _mask(builder, count, vector.count)
                    arguments = [value, place, ir.Constant(ir.IntType(32), size), mask]
                    _llvm(builder, name, ir.VoidType(), arguments)
            return context.get_dummy_value()

        return types.void(vector, array, index, _count_type(count)), codegen

    @intrinsic
    def splat(_context: Any, value: Any) -> Any:
        """A vector of equal lanes."""
        result = _vector_of(value)

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return _splat(builder, args[0], result.count)

        return result(value), codegen

    def _lanewise(
        doc: str,
        generate: Callable[..., Any],
        lane: Callable[[Any], Any] = lambda vector: vector.lane,
    ) -> Any:
        """An operation on the lanes of one vector; lane(vector) is the type it results in."""

        @intrinsic
        def operation(_context: Any, vector: Any) -> Any:
            result = Vector(lane(vector), vector.count)

            def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
                return generate(builder, args[0], context.get_value_type(result))

            return result(vector), codegen

        operation.__doc__ = doc
        return operation

    def _round_down(builder: Any, value: Any, result: Any) -> Any:
        floor = _llvm(builder, f"llvm.floor.v{value.type.count}f32", value.type, [value])
        return builder.fptosi(floor, result)

    popcount = _lanewise(
        "Ones in each lane.",
        lambda b, v, r: _llvm(b, f"llvm.ctpop.v{v.type.count}{_name(v.type.element)}", r, [v]),
    )
    to_float = _lanewise(
        "float32 of 32-bit integers.", lambda b, v, r: b.sitofp(v, r), lambda _: types.float32
    )
    round_down = _lanewise(
        "The largest 32-bit integers not above float32 lanes.", _round_down, lambda _: types.int32
    )
    bits_of = _lanewise(
        "IEEE patterns of float32 lanes.", lambda b, v, r: b.bitcast(v, r), lambda _: types.int32
    )

    signed = _lanewise(
        "Unsigned lanes read as signed ones.",
        lambda _b, v, _r: v,
        lambda vector: types.Integer.from_bitwidth(vector.lane.bitwidth, True),
    )
    root = _lanewise(
        "Square roots of float32 lanes.",
        lambda b, v, r: _llvm(b, f"llvm.sqrt.v{v.type.count}f32", r, [v]),
    )

    magnitude = _lanewise(
        "Absolute values of float32 lanes.",
        lambda b, v, r: _llvm(b, f"llvm.fabs.v{v.type.count}f32", r, [v]),
    )

    @intrinsic
    def bit_mask(_context: Any, vector: Any, _bit: Any) -> Any:
        """The bit number `bit` of 32 lanes, lane 0 lowest, as uint32."""

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            lane = args[0].type.element
            one = builder.shl(ir.Constant(lane, 1), builder.trunc(args[1], lane))
            found = builder.and_(args[0], _splat(builder, one, vector.count))
            ones = builder.icmp_unsigned("!=", found, ir.Constant(found.type, None))
            return builder.bitcast(ones, ir.IntType(32))

        return types.uint32(vector, types.intp), codegen

    @intrinsic
    def clip(_context: Any, vector: Any, _low: Any, _high: Any) -> Any:
        """Lanes kept within low..high."""

        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            value, low, high = args
            floats = vector.lane is types.float32
            compare = builder.fcmp_ordered if floats else builder.icmp_signed
            value = builder.select(compare("<", value, low), low, value)
            return builder.select(compare(">", value, high), high, value)

        return vector(vector, vector, vector), codegen

    @intrinsic
    def lookup(_context: Any, table: Any, index: Any) -> Any:
        """table[index % 32]; table (32,) float32, index 32-bit integers."""
        result = Vector(types.float32, 16)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            base = arrayobj.make_array(table)(context, builder, args[0]).data
            vector = context.get_value_type(result)
            halves = builder.bitcast(base, vector.as_pointer())
            if "+avx512f" in context.codegen().magic_tuple()[2].split(","):
                low = builder.load(halves, align=4)
                high = builder.load(builder.gep(halves, [ir.Constant(ir.IntType(32), 1)]), align=4)
                name = "llvm.x86.avx512.vpermi2var.ps.512"
                return _llvm(builder, name, vector, [low, args[1], high])
            found = ir.Constant(vector, ir.Undefined)
            for lane in range(16):
                number = ir.Constant(ir.IntType(32), lane)
                place = builder.and_(
                    builder.extract_element(args[1], number), ir.Constant(ir.IntType(32), 31)
                )
                entry = builder.load(builder.gep(base, [place]))
                found = builder.insert_element(found, entry, number)
            return found

        return result(table, index), codegen

    def _operator(symbol: Any, on_integers: str, on_floats: str = "", unsigned: str = "") -> None:
        @intrinsic
        def operation(_context: Any, left: Any, right: Any) -> Any:
            name = on_floats if left.lane is types.float32 else on_integers
            if unsigned and left.lane.name.startswith("u"):
                name = unsigned

            def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
                return getattr(builder, name)(*args)

            return left(left, right), codegen

        @overload(symbol)
        def _resolve(left, right):  # named as the implementation is
            if isinstance(left, Vector) and left == right:
                return lambda left, right: operation(left, right)  # noqa: PLW0108  Numba's way
            return None

    _operator(operator.add, "add", "fadd")
    _operator(operator.sub, "sub", "fsub")
    _operator(operator.mul, "mul", "fmul")
    _operator(operator.truediv, "sdiv", "fdiv")
    _operator(operator.and_, "and_")
    _operator(operator.or_, "or_")
    _operator(operator.xor, "xor")
    _operator(operator.rshift, "ashr", unsigned="lshr")
