"""Checks query parameters and JSON bodies against the published schema, and refuses as Square would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connections.sandbox.square.errors import SquareError, invalid
from connections.sandbox.square.facts import Json, enum, schema
from connections.sandbox.wire import Request

_BOOLEANS = {"true": True, "false": False}
_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "EXPECTED_STRING"),
    "integer": (int, "EXPECTED_INTEGER"),
    "boolean": (bool, "EXPECTED_BOOLEAN"),
    "object": (dict, "EXPECTED_OBJECT"),
}
# Sort orders have an error code of their own.
_ENUM_CODES = {"SortOrder": "INVALID_SORT_ORDER"}


def checked_query(request: Request, allowed: Mapping[str, str]) -> Json:
    """The query parameters in their own types. Raises `SquareError` for an unknown or unreadable one."""
    values: Json = {}
    for name, text in request.query:
        if name not in allowed:
            raise invalid("UNKNOWN_QUERY_PARAMETER", f"Unknown query parameter `{name}`.", field=name)
        if text != "":
            kind = "enum:SortOrder" if name == "sort_order" else allowed[name]
            values[name] = _parameter(name, text, kind)
    return values


def _parameter(name: str, text: str, kind: str) -> Any:
    if kind == "integer":
        try:
            return int(text)
        except ValueError:
            raise invalid("EXPECTED_INTEGER", f"Expected an integer value, got `{text}`.", field=name) from None
    if kind == "boolean":
        if text not in _BOOLEANS:
            raise invalid("EXPECTED_BOOLEAN", f"Expected `true` or `false`, got `{text}`.", field=name)
        return _BOOLEANS[text]
    return _check_enum(text, kind.removeprefix("enum:"), name) if kind.startswith("enum:") else text


def checked_body(request: Request, name: str) -> Json:
    """The body as an object of that schema. Members that are null count as absent, but where an update is sparse they
    are kept: there they clear. Raises `SquareError`."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise SquareError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content type `{kind}` is not supported.")
    try:
        data = json.loads(request.body or b"{}")
    except ValueError:
        raise invalid("EXPECTED_JSON_BODY", "The request body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise invalid("EXPECTED_OBJECT", "Expected an object as the request body.")
    return _object(data, name, "")


def _object(data: Json, name: str, path: str) -> Json:
    facts = schema(name)
    result: Json = {}
    for key, value in data.items():
        field = f"{path}.{key}" if path else key
        if key not in facts["properties"]:
            raise invalid("UNKNOWN_BODY_PARAMETER", f"Unknown body parameter `{field}`.", field=field)
        if value is not None:
            result[key] = _value(value, facts["properties"][key], field)
        elif facts.get("sparse"):
            result[key] = None
    for key in facts.get("required", []):
        if key not in result:
            field = f"{path}.{key}" if path else key
            raise invalid("MISSING_REQUIRED_PARAMETER", f"Missing required parameter `{field}`.", field=field)
    return result


def _value(value: Any, kind: Any, field: str) -> Any:
    if isinstance(kind, list):
        kind, longest = kind
        if isinstance(value, str) and len(value) > longest:
            raise invalid("VALUE_TOO_LONG", f"Field must not be longer than {longest} characters.", field=field)
    if kind.startswith("["):
        return _array(value, kind[1:-1], field)
    if kind.startswith("{"):
        return {key: _value(item, kind[1:-1], f"{field}.{key}") for key, item in _plain(value, "object", field).items()}
    if kind.startswith("enum:"):
        return _check_enum(value, kind.removeprefix("enum:"), field)
    if kind in _TYPES:
        return _plain(value, kind, field)
    return _object(_plain(value, "object", field), kind, field)


def _plain(value: Any, kind: str, field: str) -> Any:
    wanted, code = _TYPES[kind]
    if not isinstance(value, wanted) or (kind == "integer" and isinstance(value, bool)):
        raise invalid(code, f"Expected {kind} value, got {type(value).__name__}.", field=field)
    return value


def _array(value: Any, kind: str, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid("EXPECTED_ARRAY", "Expected an array.", field=field)
    return [_value(item, kind, f"{field}[{position}]") for position, item in enumerate(value)]


def _check_enum(value: Any, name: str, field: str) -> str:
    if isinstance(value, str) and value in enum(name):
        return value
    code = _ENUM_CODES.get(name, "INVALID_ENUM_VALUE")
    raise invalid(code, f"`{value}` is not a valid enum value for `{field}`.", field=field)
