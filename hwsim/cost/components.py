"""The parts of a chip that energy and area are reported by."""

from enum import Enum


class Component(Enum):
    """A part of the chip; the value is its name in JSON, CSV and reports."""

    ARRAY = "array"  # the cells while they are read
    DRIVER = "driver"  # row drivers (DAC)
    ADC = "adc"
    SAMPLE_HOLD = "sample_hold"
    SHIFT_ADD = "shift_add"  # of a group: codes into accumulators
    INPUT_REGISTER = "input_register"  # of a group
    OUTPUT_REGISTER = "output_register"  # of a group
    CLUSTER_REGISTER = "cluster_register"  # results on their way to the buffer
    BUFFER = "buffer"
    BUS = "bus"
    ROUTER = "router"  # and the wires between routers
    ACTIVATION = "activation"
    POOLING = "pooling"
    ELEMENTWISE = "elementwise"  # a cluster's adder: partial sums, additions of tensors
    REQUANTIZER = "requantizer"
    LINK = "link"  # off the chip
    LEAKAGE = "leakage"  # the static part of all components, as energy over a time
