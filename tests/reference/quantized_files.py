"""Int8 ONNX files made by onnxruntime's static quantiser."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)


class _Batches(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: list[dict[str, Any]]) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter(feeds)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def quantize_file(
    source: Path,
    target: Path,
    images: Any,
    *,
    qdq: bool,
    per_channel: bool,
    signed: bool = False,
    **options: Any,
) -> Path:
    """Quantises `source` with calibration on `images`; activations int8 if `signed`."""
    model = onnx.load(source)
    name = model.graph.input[0].name
    before = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it advises to pre-process, at length
    try:
        quantize_static(
            model,
            target,
            _Batches([{name: image[None]} for image in np.asarray(images, np.float32)]),
            quant_format=QuantFormat.QDQ if qdq else QuantFormat.QOperator,
            per_channel=per_channel,
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            **options,
        )
    finally:
        logging.root.setLevel(before)
    return target
