"""The integers that a number of bits can hold."""


def code_range(bits: int, signed: bool) -> tuple[int, int]:
    """Smallest and largest code of `bits` bits, two's complement if signed."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
