"""Reports: one record per run, written as JSON, CSV, Markdown, LaTeX or one HTML page.

Figures (`codesign.report.figures`) and charts (`codesign.report.charts`) load altair, a second.
"""

from codesign.report.comparison import Comparison, compare
from codesign.report.files import load_result, save_result, write_whole
from codesign.report.json_schema import result_schema
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
    SensitivityRow,
)
from codesign.report.write import ReportFormat, render, write_report

__all__ = [
    "AccuracyResult",
    "AreaResult",
    "Assumption",
    "BenchResult",
    "ChipResult",
    "Comparison",
    "CosimLayer",
    "CosimResult",
    "EnergyResult",
    "FigureResult",
    "FrontPoint",
    "LayerResult",
    "Provenance",
    "ReportFormat",
    "Result",
    "SensitivityRow",
    "compare",
    "load_result",
    "render",
    "result_schema",
    "save_result",
    "write_report",
    "write_whole",
]
