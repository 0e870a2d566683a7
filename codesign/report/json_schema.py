"""The JSON Schema of results: what other programs may rely on."""

import json

from codesign.report.result import Result

#: Printed by `hwsim report --schema`.
SCHEMA_FILE = "docs/schema/result.schema.json"


def result_schema() -> str:
    """JSON Schema (2020-12) of `result.json`; units stand in the keys and in `unit`."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hwsim result",
        **Result.model_json_schema(mode="serialization"),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
