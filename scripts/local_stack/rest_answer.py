"""What the database answered, as a response."""

import json
from dataclasses import dataclass

from starlette.responses import Response

from local_stack.rest_catalog import Function
from local_stack.rest_errors import ApiError
from local_stack.rest_request import Form, Preferences, Rows
from local_stack.rest_sql import OBJECT_TYPE


@dataclass(frozen=True)
class Result:
    """The one row of a request's statement: all rows, if they were counted; rows served; body; what a function set."""

    total: int | None
    count: int
    body: str
    headers: str | None
    status: str | None

    def check(self, form: Form, preferences: Preferences, function: Function | None) -> None:
        """Raises PGRST116 and PGRST124, before anything is committed."""
        if form.media_type == OBJECT_TYPE and self.count != 1:
            details = f"The result contains {self.count} rows"
            raise ApiError(406, "PGRST116", "Cannot coerce the result to a single JSON object", details)
        limit = preferences.max_affected
        if function and limit is not None and self.count > limit:
            message = "Query result exceeds max-affected preference constraint"
            raise ApiError(400, "PGRST124", message, f"The query affects {self.count} rows")


def response(
    method: str,
    result: Result,
    rows: Rows,
    wishes: tuple[Form, Preferences],
    function: Function | None,
) -> Response:
    form, preferences = wishes
    status, content_range = rows.judge(result.count, result.total)
    headers = {"content-range": content_range, "content-type": form.content_type}
    if applied := preferences.applied(function is not None):
        headers["preference-applied"] = applied
    body = rows.beyond(result.total).body if status == 416 else result.body
    if function and function.returns_void:
        status, body = 204, ""
        del headers["content-type"]
    status = _status(result.status) or status
    if status == 503:
        headers["retry-after"] = "0"
    is_empty = not body or method == "HEAD" or status in (204, 304)
    answer = Response(None if is_empty else body.encode(), status)
    if is_empty:
        del answer.headers["content-length"]
    own = _headers(result.headers)
    headers = {name: value for name, value in headers.items() if name not in {name for name, _ in own}}
    answer.raw_headers += [(name.encode(), value.encode()) for name, value in [*headers.items(), *own]]
    return answer


def options(allowed: str) -> Response:
    return Response(None, 200, {"Allow": allowed, "Access-Control-Allow-Origin": "*"})


def _status(text: str | None) -> int | None:
    """What a function put into `response.status`."""
    if text is None:
        return None
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    if not digits or not 200 <= int(digits) <= 999:
        raise ApiError(500, "PGRST112", "response.status guc must be a valid status code")
    return int(digits)


def _headers(text: str | None) -> list[tuple[str, str]]:
    """What a function put into `response.headers`."""
    try:
        given = json.loads(text or "[]")
    except ValueError:
        given = None
    if not isinstance(given, list) or not all(_is_header(item) for item in given):
        message = "response.headers guc must be a JSON array composed of objects with a single key and a string value"
        raise ApiError(500, "PGRST111", message)
    return [(name.lower(), value) for item in given for name, value in item.items()]


def _is_header(item: object) -> bool:
    return isinstance(item, dict) and len(item) == 1 and all(isinstance(value, str) for value in item.values())
