"""The file in which a scan is saved: attnprobe-scan.json, and its published schema.

One scan has one text: keys sorted, floats as `repr`, plain ASCII, no NaN and no infinity. What comes in is
untrusted: it is checked field by field before any of it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnprobe.errors import InternalError, ScanFileError
from attnprobe.finite_numbers import without_non_finite
from attnprobe.records import SCHEMA_VERSION, Scan
from attnprobe.strict_json import parse_object

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_BYTES = 256 * 2**20
SCHEMA_ID = "https://attnprobe.dev/scan.schema.json"

_FILE_KEYS = {"class_name": "class"}  # field of a record -> key in the file, where "class" is no Python name
_FIELDS = {key: name for name, key in _FILE_KEYS.items()}


def dump(scan: Scan) -> str:
    """The text of the file. A number that is not finite becomes null, with an entry in `not_measured`.

    Raises:
        InternalError: A record holds something that is not plain data.
    """
    plain = _plain(without_non_finite(scan))
    return json.dumps(plain, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def load(text: str) -> Scan:
    """The scan that `dump` wrote.

    Raises:
        ScanFileError: Not JSON, cut short, of another schema, or with a field that is missing, unknown or of
            the wrong type. One line that names the first thing wrong.
    """
    from pydantic import ValidationError

    data = parse_object(text, MAX_BYTES)
    _check_schema(data)
    data["model"] = _renamed(data.get("model"))
    try:
        envelope = _envelope().model_validate_json(json.dumps({"scan": data}))
    except ValidationError as error:
        raise ScanFileError(_first_fault(error.errors()[0]), hint="Scan the model again.") from None
    scan: Scan = envelope.scan  # type: ignore[attr-defined]
    return scan


def read(path: Path) -> Scan:
    """The scan saved at a path.

    Raises:
        ScanFileError: The file cannot be read, is too large, or holds no scan.
    """
    try:
        if not path.is_file():
            raise ScanFileError(f"{path} is not a file", hint="Give the attnprobe-scan.json of a scan.")
        if path.stat().st_size > MAX_BYTES:
            raise ScanFileError(f"{path} is larger than {MAX_BYTES // 2**20} MiB")
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ScanFileError(f"{path} is not text: no scan is saved like that") from None
    except (OSError, ValueError) as error:
        raise ScanFileError(f"{path} cannot be read: {error}") from None
    return load(text)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the file."""
    from pydantic import TypeAdapter

    parts = TypeAdapter(_envelope()).json_schema(ref_template="#/$defs/{model}")
    definitions = parts["$defs"]
    scan = definitions.pop("Scan")
    _rename_in_schema(definitions["ModelInfo"])
    scan["properties"]["schema"] = {"const": SCHEMA_VERSION, "description": "Version of this layout."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **scan,
        "title": "attnprobe scan",
        "$defs": definitions,
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):  # UTF-8 holds no lone surrogates: a name that does is written as it reads
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {
            _FILE_KEYS.get(part.name, part.name): _plain(getattr(value, part.name)) for part in fields(value)
        }
    raise InternalError(f"a scan holds a {type(value).__name__}, which is not plain data")


def _check_schema(data: Mapping[str, Any]) -> None:
    version = data.get("schema")
    if version == SCHEMA_VERSION and type(version) is int:
        return
    if type(version) is not int:
        raise ScanFileError(
            "this is JSON, but not a saved scan: it has no schema number",
            hint="Give the attnprobe-scan.json of a scan.",
        )
    if version > SCHEMA_VERSION:
        raise ScanFileError(
            f"the scan has schema {version}; this attnprobe reads schema {SCHEMA_VERSION}",
            hint="A newer attnprobe wrote it: upgrade attnprobe.",
        )
    raise ScanFileError(
        f"the scan has schema {version}; this attnprobe reads schema {SCHEMA_VERSION}",
        hint="An older attnprobe wrote it: scan the model again.",
    )


def _first_fault(fault: Mapping[str, Any]) -> str:
    place = ".".join(str(_FILE_KEYS.get(str(step), step))[:80] for step in fault["loc"][1:])
    return f"the scan is not as its schema says: {ascii(place)[1:-1] or 'the scan'}: {fault['msg']}"


def _renamed(model: Any) -> Any:
    if not isinstance(model, dict):
        return model
    strangers = {name: f"{name} (unknown)" for name in _FILE_KEYS}
    return {(_FIELDS | strangers).get(key, key): value for key, value in model.items()}


def _rename_in_schema(definition: dict[str, Any]) -> None:
    definition["properties"] = {
        _FILE_KEYS.get(name, name): part for name, part in definition["properties"].items()
    }
    definition["required"] = [_FILE_KEYS.get(name, name) for name in definition["required"]]


@cache
def _envelope() -> type[BaseModel]:
    # A plain dataclass cannot carry pydantic's settings; a field inherits those of the model around it.
    from pydantic import ConfigDict, create_model

    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model("Envelope", __config__=strict, scan=(Scan, ...))


if __name__ == "__main__":  # python -m attnprobe.scan_file > docs/scan.schema.json
    print(json.dumps(schema(), indent=2))
