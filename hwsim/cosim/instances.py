"""The modules of one tile with the parameters that rtl/tile.v gives them."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwsim.cosim.parameters import CODE_BITS, derived_parameters, tile_parameters
from hwsim.peripherals.accumulator import SUM_BITS
from hwsim.peripherals.requantizer import MANTISSA_BITS
from hwsim.tile.converter import converts_differences
from hwsim.tile.geometry import Geometry
from hwsim.tile.spec import Encoding

COUNT_BITS = 13


@dataclass(frozen=True)
class Instance:
    """A module with parameters; `count`: how many a tile has."""

    module: str
    parameters: Mapping[str, int]
    count: int = 1

    def same(self, other: "Instance") -> bool:
        """Whether both are the same hardware."""
        return self.module == other.module and self.parameters == other.parameters


def instances(geometry: Geometry) -> list[Instance]:
    """The modules of a tile; of the shift-adders the first, the others differ in their ends.

    Raises:
        MappingError: the RTL is not built for this geometry.
    """
    p = tile_parameters(geometry) | derived_parameters(geometry)
    signed = int(converts_differences(geometry))
    found = [
        Instance("row_driver", {key: p[key] for key in ("INPUTS", "INPUT_BITS", "DAC_BITS")}),
        Instance(
            "tile_controller",
            {
                "READ_CYCLES": p["READ_CYCLES"],
                "COLS_PER_ADC": p["COLUMNS_PER_ADC"],
                "CONVERSION_CYCLES": geometry.tile.adc.conversion_cycles,
                "COLUMN_W": p["COLUMN_W"],
                "COUNT_W": COUNT_BITS,
            },
        ),
        Instance("column_mux", {"COLS_PER_ADC": p["COLUMNS_PER_ADC"], "COLUMN_W": p["COLUMN_W"]}),
        Instance(
            "flash_adc" if p["ADC_FLASH"] else "sar_adc",
            {"ADC_BITS": p["ADC_BITS"], "CODE_SIGNED": signed},
            p["ADCS"],
        ),
        Instance("shift_add", _shift_add(geometry, p, signed), p["ADCS"]),
    ]
    if geometry.tile.encoding is Encoding.OFFSET:
        found.append(
            Instance(
                "input_sum",
                {
                    "INPUTS": p["INPUTS"],
                    "DAC_BITS": p["DAC_BITS"],
                    "TOTAL_W": p["INPUT_BITS"] + 9,
                },
            )
        )
    return [*found, *_result_side(p)]


def _shift_add(geometry: Geometry, p: Mapping[str, int], signed: int) -> dict[str, int]:
    lines = min(p["COLUMNS_PER_ADC"], p["LINES"])
    return {
        "CODE_W": p["ADC_BITS"],
        "CODE_SIGNED": signed,
        "CELL_BITS": p["CELL_BITS"],
        "SLICES": p["SLICES"],
        "TOP_SHIFT": geometry.slices.shifts[-1],
        "TOP_NEGATIVE": int(geometry.slices.signs[-1] < 0),
        "CONVERTED": p["CONVERTED"],
        "COLS_PER_ADC": p["COLUMNS_PER_ADC"],
        "LINES": lines,
        "COLUMN_W": p["COLUMN_W"],
        "FIRST": 0,
        "BANK": (lines - 1) // p["GROUP"] + 1,
        "ACC_W": _sum_bits(p),
    }


def _sum_bits(p: Mapping[str, int]) -> int:
    return p["ADC_BITS"] + p["INPUT_BITS"] + p["WEIGHT_BITS"] + 1


def _result_side(p: Mapping[str, int]) -> list[Instance]:
    return [
        Instance(
            "output_register",
            {
                "OUTPUTS": p["OUTPUTS"],
                "ACC_W": _sum_bits(p),
                "LSB_W": p["LSB_W"],
                "COEFFICIENT_W": p["SLICES"] * p["CELL_BITS"] + 2,
                "TOTAL_W": p["INPUT_BITS"] + 9,
                "SUM_W": SUM_BITS,
                "INDEX_W": p["INDEX_W"],
            },
        ),
        Instance("accumulator", {"SUM_W": SUM_BITS, "INDEX_W": p["INDEX_W"]}),
        Instance(
            "requantizer", {"SUM_W": SUM_BITS, "MANTISSA_W": MANTISSA_BITS, "CODE_W": CODE_BITS}
        ),
        Instance(
            "config_registers",
            {
                "OUTPUTS": p["OUTPUTS"],
                "SLICES": p["SLICES"],
                "INDEX_W": p["INDEX_W"],
                "LSB_W": p["LSB_W"],
                "CODE_W": CODE_BITS,
                "MANTISSA_W": MANTISSA_BITS,
                "SUM_W": SUM_BITS,
            },
        ),
    ]
