"""Square's two ways to refuse: the `errors` envelope of /v2, and the older `message` and `type` of OAuth.

Reference: Square docs, build-basics/handling-errors; OpenAPI ErrorCode; OAuth shape seen in forum topics 15379, 5568.
"""

from __future__ import annotations

from connections.sandbox.square.facts import facts
from connections.sandbox.wire import Response

# Codes by which the sandbox says "I do not know this", noted in its log.
STRICT = frozenset({"UNKNOWN_QUERY_PARAMETER", "UNKNOWN_BODY_PARAMETER", "METHOD_NOT_ALLOWED", "NOT_IMPLEMENTED"})


class SquareError(Exception):
    """Answered with the /v2 envelope. `field` names the parameter or the dotted path of a body property."""

    def __init__(self, status: int, code: str, detail: str, *, field: str = "", strict: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.strict = strict or code in STRICT

    def response(self) -> Response:
        return answer({"errors": [entry(self.code, self.detail, field=self.field)]}, self.status)


class LegacyError(Exception):
    """Answered with `{"message", "type"}`, as the OAuth endpoints do."""

    def __init__(self, status: int, message: str, kind: str = "service.not_authorized") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind

    def response(self) -> Response:
        return answer({"message": self.message, "type": self.kind}, self.status)


def answer(data: object, status: int = 200) -> Response:
    """JSON with the content type Square sends: no charset."""
    response = Response.json(data, status)
    response.headers["Content-Type"] = "application/json"
    return response


def entry(code: str, detail: str, *, field: str = "") -> dict[str, str]:
    category = facts()["error_categories"].get(code, "INVALID_REQUEST_ERROR")
    error = {"category": category, "code": code, "detail": detail}
    return {**error, "field": field} if field else error


def invalid(code: str, detail: str, *, field: str = "") -> SquareError:
    return SquareError(400, code, detail, field=field)


def not_found(kind: str, key: str) -> SquareError:
    return SquareError(404, "NOT_FOUND", f"{kind} with ID `{key}` not found.")
