"""What a request asks for besides its query: preferences, a form of the answer, a range of rows, a body."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers

from local_stack.rest_catalog import Function
from local_stack.rest_errors import ApiError, NotServedError
from local_stack.rest_query import Query
from local_stack.rest_sql import OBJECT_TYPE, Arguments, Body

MAX_ROWS = 1000
RANGE_END = "boundary in the Range header."
PREFERENCES = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "missing": ("default", "null"),
    "handling": ("strict", "lenient"),
}
MADE_TYPES = {"*/*": "application/json", "application/json": "application/json", "text/csv": "text/csv"}
WHOLE_TYPES = ("text/plain", "text/xml", "application/octet-stream")
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Preferences:
    """The `Prefer` headers; of a preference that is given twice the first counts. Zones are known to the database."""

    known: dict[str, str]
    invalid: list[str]

    @classmethod
    def of(cls, headers: Headers, time_zones: set[str]) -> "Preferences":
        known: dict[str, str] = {}
        invalid = []
        for preference in preferences_of(headers):
            name, _, value = preference.partition("=")
            if (
                value in PREFERENCES.get(name, ())
                or name == "max-affected"
                or (name == "timezone" and value in time_zones)
            ):
                known.setdefault(name, value)
            else:
                invalid.append(preference)
        if known.get("count") in ("planned", "estimated"):
            raise NotServedError("a planned or estimated count")
        return cls(known, invalid)

    @property
    def max_affected(self) -> int | None:
        limit = self.known.get("max-affected", "")
        return int(limit) if limit.isdecimal() and self.known.get("handling") == "strict" else None

    def check(self, function: Function | None) -> None:
        """Raises PGRST122 and PGRST128."""
        if self.invalid and self.known.get("handling") == "strict":
            details = f"Invalid preferences: {', '.join(self.invalid)}"
            raise ApiError(400, "PGRST122", "Invalid preferences given with handling=strict", details)
        if function and self.max_affected is not None and not function.returns_set:
            message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
            raise ApiError(400, "PGRST128", message)

    def applied(self, is_call: bool) -> str:
        names = ["count", "handling", "timezone"]
        if is_call and self.max_affected is not None:
            names.append("max-affected")
        return ", ".join(f"{name}={self.known[name]}" for name in names if name in self.known)


def preferences_of(headers: Headers) -> list[str]:
    return [part.strip() for header in headers.getlist("prefer") for part in header.split(",")]


@dataclass(frozen=True)
class Form:
    """The media type of an answer; `is_stripped` leaves the members out that are null."""

    media_type: str
    is_stripped: bool = False

    @property
    def content_type(self) -> str:
        return f"{self.media_type}{';nulls=stripped' if self.is_stripped else ''}; charset=utf-8"


def form_of(headers: Headers) -> Form:
    """The first type of `Accept`, by weight, that can be made. Raises PGRST107."""
    if "accept" not in headers:
        return Form("application/json")
    ranked = [(_weight(part), part) for part in headers["accept"].replace(" ", "").split(",")]
    accepted = [part.partition(";q=")[0] for _, part in sorted(ranked, key=lambda item: item[0], reverse=True)]
    for media_type in accepted:
        name, _, parameters = media_type.partition(";")
        is_stripped = "nulls=stripped" in parameters.split(";")
        name = re.sub(r"^(application/vnd\.pgrst\.(?:object|array))$", r"\1+json", name.lower())
        if name == OBJECT_TYPE:
            return Form(OBJECT_TYPE, is_stripped)
        if name == "application/vnd.pgrst.array+json":
            return Form(name, True) if is_stripped else Form("application/json")
        if name == "application/geo+json":
            raise NotServedError("GeoJSON")
        if name in MADE_TYPES:
            return Form(MADE_TYPES[name])
    raise ApiError(406, "PGRST107", f"None of these media types are available: {', '.join(accepted)}")


def _weight(part: str) -> tuple[float, int]:
    media_type, _, rest = part.partition(";q=")
    number = re.match(r"\d+(\.\d+)?", rest)
    return float(number[0]) if number else 1.0, media_type.count(";") - media_type.count("*")


@dataclass(frozen=True)
class Rows:
    """The range of rows that is asked for, from 0; `last` is None where there is no end."""

    first: int
    last: int | None

    @property
    def limit(self) -> int:
        return MAX_ROWS if self.last is None else min(MAX_ROWS, self.last - self.first + 1)

    @classmethod
    def of(cls, method: str, headers: Headers, query: Query) -> "Rows":
        """Raises PGRST103. A `Range` counts for GET alone."""
        first, last = _integer(query.offset) or 0, None
        limit = _integer(query.limit)
        if query.limit is not None and query.offset is not None:
            last = first + (limit or 0) - 1
        elif limit is not None:
            last = limit - 1
        if last == -1:
            return cls(0, -1)
        header = re.fullmatch(r"(\d+)-(\d*)", headers.get("range", "")) if method == "GET" else None
        low, high = (int(header[1]), int(header[2]) if header[2] else None) if header else (0, None)
        if high is not None and low > high:
            raise _bad_range(
                "The lower boundary must be lower than or equal to the upper boundary in the Range header."
            )
        ends = [end for end in (last, high) if end is not None]
        rows = cls(max(first, low), min(ends) if ends else None)
        if rows.last is not None and rows.first > rows.last:
            raise _bad_range("Limit should be greater than or equal to zero.")
        return rows

    def judge(self, count: int, total: int | None) -> tuple[int, str]:
        """Status and `Content-Range` of an answer with so many rows, out of a total that is known or not."""
        last = self.first + count - 1
        shown = f"{self.first}-{last}" if total != 0 and self.first <= last else "*"
        status = 200 if total is None or count >= total else 206
        if total is not None and self.first > total:
            status = 416
        return status, f"{shown}/{'*' if total is None else total}"

    def beyond(self, total: int | None) -> ApiError:
        return _bad_range(f"An offset of {self.first} was requested, but there are only {total or 0} rows.")


def _bad_range(details: str) -> ApiError:
    return ApiError(416, "PGRST103", "Requested range not satisfiable", details)


def _integer(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\s*-?\d+\s*", text) else None


def media_type_of(headers: Headers) -> str:
    return headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def payload(headers: Headers, raw: bytes, columns: set[str] | None, is_call: bool) -> tuple[set[str], Arguments | Body]:
    """The names that a body gives values for, and the body. Raises PGRST102."""
    media_type = media_type_of(headers)
    if media_type == "application/json":
        return _json(raw, columns, is_call)
    if media_type == FORM_TYPE and is_call:
        arguments = parse_qsl(raw.decode(errors="replace"), keep_blank_values=True)
        return {name for name, _ in arguments}, arguments
    if media_type in WHOLE_TYPES and is_call:
        is_binary = media_type == "application/octet-stream"
        return set(), Body(raw if is_binary else raw.decode(errors="replace"), False)
    if media_type in ("text/csv", FORM_TYPE):
        raise NotServedError(f"bodies of type {media_type} here")
    raise ApiError(400, "PGRST102", f"Content-Type not acceptable: {headers['content-type']}")


def _json(raw: bytes, columns: set[str] | None, is_call: bool) -> tuple[set[str], Body]:
    text = raw.decode(errors="replace")
    if columns is not None:
        return columns, Body(text, text.lstrip(" \t\r\n").startswith("{"))
    if not raw and is_call:
        return set(), Body("", False)
    try:
        # Only the names matter here, PostgreSQL reads the values.
        value = json.loads(raw.decode(), parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "PGRST102", "Empty or invalid json") from error
    if isinstance(value, dict):
        return set(value), Body(text, True)
    if not isinstance(value, list) or not value:
        return set(), Body("[]", False)
    if not all(isinstance(item, dict) and item.keys() == value[0].keys() for item in value):
        raise ApiError(400, "PGRST102", "All object keys must match")
    return set(value[0]), Body(text, False)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
