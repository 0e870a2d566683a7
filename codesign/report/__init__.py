"""Reports: one record per run, written as JSON, CSV, Markdown or one HTML page."""

from codesign.report.files import load_result, save_result, write_whole
from codesign.report.result import (
    AccuracyResult,
    AreaResult,
    Assumption,
    BenchResult,
    ChipResult,
    CosimLayer,
    CosimResult,
    EnergyResult,
    FigureResult,
    FrontPoint,
    LayerResult,
    Provenance,
    Result,
)
from codesign.report.write import ReportFormat, render, write_report

__all__ = [
    "AccuracyResult",
    "AreaResult",
    "Assumption",
    "BenchResult",
    "ChipResult",
    "CosimLayer",
    "CosimResult",
    "EnergyResult",
    "FigureResult",
    "FrontPoint",
    "LayerResult",
    "Provenance",
    "ReportFormat",
    "Result",
    "load_result",
    "render",
    "save_result",
    "write_report",
    "write_whole",
]
