"""The JSON Schema of a rule file, for editors: docs/rule.schema.json."""

from __future__ import annotations

import json
from typing import Any

from attnprobe.checking.packs.form import RuleForm

SCHEMA_ID = "https://attnprobe.dev/rule.schema.json"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rule file, for editors."""
    schema = RuleForm.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}


if __name__ == "__main__":  # python -m attnprobe.checking.packs.schema > docs/rule.schema.json
    print(json.dumps(json_schema(), indent=2))
