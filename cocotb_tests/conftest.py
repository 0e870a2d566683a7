"""Without cocotb the benches are left out, and the header of the run says so."""

import importlib.util

_FOUND = all(importlib.util.find_spec(name) for name in ("cocotb", "cocotb_coverage"))
collect_ignore_glob = [] if _FOUND else ["test_*.py"]


def pytest_report_header() -> str:
    """What became of the benches."""
    return "cocotb benches: " + ("collected" if _FOUND else "left out, install the extra 'rtl'")
