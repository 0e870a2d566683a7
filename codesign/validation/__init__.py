"""Published designs beside our figures for them: what is echoed, calibrated and predicted."""

from codesign.validation.page import validation_json, validation_page
from codesign.validation.published import Kind, Role
from codesign.validation.table import Row, Summary, summary, validation_table

__all__ = [
    "Kind",
    "Role",
    "Row",
    "Summary",
    "summary",
    "validation_json",
    "validation_page",
    "validation_table",
]
