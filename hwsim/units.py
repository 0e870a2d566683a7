"""SI units as types: the annotation is the documentation and the schema.

A field in a spec is never a bare `float`; its name also ends with its unit
(`read_voltage_V`), so that files, JSON and CSV carry it (tests/test_units.py).
"""

from typing import Annotated, TypeAlias

from pydantic import Field

Ampere: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "A"})]
Bit: TypeAlias = Annotated[int, Field(json_schema_extra={"unit": "bit"})]
ElectronVolt: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "eV"})]
Farad: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "F"})]
Hertz: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "Hz"})]
Joule: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "J"})]
Kelvin: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "K"})]
Lsb: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "lsb"})]
Metre: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "m"})]
Ohm: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "ohm"})]
Ratio: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "1"})]
Second: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "s"})]
Siemens: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "S"})]
SquareMetre: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "m2"})]
Volt: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "V"})]
Watt: TypeAlias = Annotated[float, Field(json_schema_extra={"unit": "W"})]
