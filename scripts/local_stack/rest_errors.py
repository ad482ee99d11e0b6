"""Errors as PostgREST words them: one body, one status and the headers that go with it."""

import json
import re
from typing import Any

import psycopg
import psycopg_pool
from starlette.responses import Response

JSON_TYPE = "application/json; charset=utf-8"

# By SQLSTATE, or by as much of its beginning as stands here; the longest match counts. All others are 400.
STATUS_BY_SQLSTATE = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "21": 500, "23503": 409, "23505": 409, "25": 500, "25006": 405,
    "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500, "42883": 404, "42P01": 404, "42P17": 500,
    "53": 503, "53400": 500, "54": 500, "55": 500, "57": 500, "57P01": 503, "58": 500, "F0": 500, "HV": 500,
    "P0": 500, "P0001": 400, "XX": 500,
}  # fmt: skip
MESSAGE_HINT = (
    "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
)
DETAIL_HINT = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: str | None = None,
        hint: str | None = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details, self.hint = status, code, message, details, hint
        self.headers = headers or {}

    @property
    def body(self) -> str:
        fields = {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}
        return json.dumps(fields, ensure_ascii=False)

    def response(self) -> Response:
        headers = {"Content-Type": JSON_TYPE, "Proxy-Status": f"PostgREST; error={self.code}", **self.headers}
        if self.status == 503:
            headers["Retry-After"] = "0"
        empty = self.status in (204, 304)
        return Response(None if empty else self.body.encode(errors="replace"), self.status, headers)


class NotServedError(ApiError):
    """PostgREST can, the stand-in cannot, and says so rather than guess."""

    def __init__(self, what: str) -> None:
        hint = "`supabase start` and `scripts/up --docker` run the real PostgREST."
        super().__init__(501, "not_served", f"The local stack does not serve {what}", hint=hint)


def query_error(what: str, text: str, column: int = 1) -> ApiError:
    """A part of the query that cannot be parsed."""
    message = f'"failed to parse {what} ({text})" (line 1, column {column})'
    return ApiError(400, "PGRST100", message, "unexpected or missing text")


def token_error(code: str, message: str, details: str | None = None) -> ApiError:
    challenge = f'Bearer error="invalid_token", error_description={json.dumps(message)}'
    return ApiError(401, code, message, details, headers={"WWW-Authenticate": challenge})


def from_database(error: psycopg.Error, authenticated: bool) -> ApiError:
    """What PostgREST makes of an error of PostgreSQL, or of the way there."""
    if isinstance(error, psycopg_pool.PoolTimeout):
        return ApiError(504, "PGRST003", "Timed out acquiring connection from connection pool.")
    if error.sqlstate is None:
        if isinstance(error, psycopg.DataError):  # psycopg refuses a NUL before PostgreSQL can
            return ApiError(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')
        return ApiError(503, "PGRST001", "Database client error. Retrying the connection.", str(error))
    message, details = error.diag.message_primary or "", error.diag.message_detail
    if error.sqlstate == "PGRST":
        return _raised_by_hand(message, details)
    status = status_of(error.sqlstate, message, authenticated)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return ApiError(status, error.sqlstate, message, details, error.diag.message_hint, headers=headers)


def status_of(sqlstate: str, message: str, authenticated: bool) -> int:
    if sqlstate.startswith("PT"):
        # What is no final status could not be sent.
        return int(sqlstate[2:]) if re.fullmatch("[2-9][0-9]{2}", sqlstate[2:]) else 500
    if sqlstate == "42501":
        return 403 if authenticated else 401
    if sqlstate == "22023" and message.startswith("role") and message.endswith("does not exist"):
        return 401
    if sqlstate == "21000" and message.endswith("requires a WHERE clause"):
        return 400
    if sqlstate == "42883" and message.startswith("function xmlagg("):
        return 406
    matches = (STATUS_BY_SQLSTATE.get(sqlstate[:length]) for length in (5, 2))
    return next((status for status in matches if status), 400)


def _raised_by_hand(message: str, details: str | None) -> ApiError:
    """`raise sqlstate 'PGRST'` gives the whole answer, as JSON in its message and detail."""
    body = _json_object(message)
    if body is None or not _are_texts([body.get("code"), body.get("message")]):
        return _badly_raised(f"Invalid JSON value for MESSAGE: '{message}'", MESSAGE_HINT)
    if not _are_texts(value for key in ("details", "hint") if (value := body.get(key)) is not None):
        return _badly_raised(f"Invalid JSON value for MESSAGE: '{message}'", MESSAGE_HINT)
    if details is None:
        return _badly_raised("DETAIL is missing in the RAISE statement", DETAIL_HINT)
    answer = _json_object(details) or {}
    status, headers = answer.get("status"), answer.get("headers")
    if (
        not isinstance(status, int)
        or not 200 <= status <= 999
        or not isinstance(headers, dict)
        or not _are_texts(headers.values())
    ):
        return _badly_raised(f"Invalid JSON value for DETAIL: '{details}'", DETAIL_HINT)
    return ApiError(status, body["code"], body["message"], body.get("details"), body.get("hint"), headers=headers)


def _badly_raised(details: str, hint: str) -> ApiError:
    return ApiError(500, "PGRST121", "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", details, hint)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _are_texts(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)
