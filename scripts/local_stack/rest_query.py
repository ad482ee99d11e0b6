"""The query string of a read: what PostgREST's grammar makes of `select`, filters, `order`, `limit` and `offset`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from local_stack.rest_errors import ApiError, NotServedError, query_error

NAME = r'"(?:[^"\\]|\\.)*"|[\w $]+(?:-(?!>)[\w $]+)*'
JSON_KEY = r'"(?:[^"\\]|\\.)*"|[^(\-:.,>)]+(?:-(?!>)[^(\-:.,>)]+)*'
JSON_STEP = re.compile(rf"(->>?)(?:(-?\d+)(?=->|::|[.,]|$)|({JSON_KEY}))", re.S)
QUOTED_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"(?=[,)]|$)', re.S)
PLAIN_VALUE = re.compile(r"[^,)]*", re.S)
ARRAY_VALUE = re.compile(r"\{[^{}]*\}", re.S)
ALIAS = re.compile(rf"({NAME}):(?!:)")
EMBEDDING = re.compile(rf"\s*(?:\.\.\.)?(?:(?:{NAME}):(?!:))?(?!count\()(?:{NAME})(?:!(?:{NAME}))*\(")
AGGREGATE = re.compile(r"\.(?:sum|avg|count|max|min)\(\)")
CAST = re.compile(r"::([\w $]+)")
ITEM_END = re.compile(r"\s*(?=[,)]|$)")
ORDERING = re.compile(r"\s*(?:\.(asc|desc))?(?:\.nulls(first|last))?\s*(?=,|$)")
IS_VALUE = re.compile("null|not_null|true|false|unknown", re.I)
FULL_TEXT = re.compile(r"(?:fts|plfts|phfts|wfts)(?:\([\w $]+\))?\.")
OPERATION = re.compile(
    r"(?:(neq|cs|cd|ov|sl|sr|nxr|nxl|adj|isdistinct)|(eq|gte|gt|lte|lt|like|ilike|match|imatch)(?:\((any|all)\))?)\."
)
RESERVED = ("select", "columns", "on_conflict")
RESERVED_ENDINGS = ("order", "limit", "offset", "and", "or")


@dataclass(frozen=True)
class Field:
    """A column, and the way into it when it holds JSON: arrow, and a key or an index."""

    name: str
    path: tuple[tuple[str, str | int], ...] = ()

    @property
    def label(self) -> str | None:
        """What a JSON path is called in the answer: its last key, else the column."""
        keys = [step for _, step in self.path if isinstance(step, str)]
        return (keys[-1] if keys else self.name) if self.path else None


@dataclass(frozen=True)
class Selected:
    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True)
class Filter:
    field: Field
    negated: bool
    operator: str
    quantifier: str | None
    value: str | list[str]


@dataclass(frozen=True)
class Logic:
    """`and` or `or` over filters and further trees."""

    negated: bool
    operator: str
    parts: list["Logic | Filter"]


@dataclass(frozen=True)
class Ordered:
    field: Field
    direction: str | None
    nulls: str | None


@dataclass(frozen=True)
class Query:
    """`arguments` are those of a function called by GET; `limit` and `offset` as they were written."""

    select: list[Selected] = field(default_factory=list)
    where: list[Logic | Filter] = field(default_factory=list)
    order: list[Ordered] = field(default_factory=list)
    columns: set[str] | None = None
    limit: str | None = None
    offset: str | None = None
    arguments: list[tuple[str, str]] = field(default_factory=list)

    @property
    def goes_into_json(self) -> bool:
        fields = [item.field for item in self.select] + [term.field for term in self.order]
        return any(target.path for target in [*fields, *filtered_fields(self.where)])


def filtered_fields(conditions: Iterable[Logic | Filter]) -> Iterator[Field]:
    for condition in conditions:
        if isinstance(condition, Logic):
            yield from filtered_fields(condition.parts)
        else:
            yield condition.field


def pairs(query_string: str) -> list[tuple[str, str]]:
    """Names and values in their order; a name without `=` says nothing to PostgREST."""
    parts = (part.partition("=") for part in re.split("[&;]", query_string))
    return [(unquote_plus(name), unquote_plus(value)) for name, equals, value in parts if equals]


def parse(parameters: list[tuple[str, str]], is_call_by_get: bool) -> Query:
    """Raises PGRST100 for what the grammar does not know, in the order in which PostgREST looks."""
    by_ending: dict[str, list[tuple[str, str]]] = {ending: [] for ending in RESERVED_ENDINGS}
    filters = []
    for name, value in parameters:
        if (ending := name.rpartition(".")[2]) in by_ending:
            by_ending[ending].append((name, value))
        elif name not in RESERVED:
            filters.append((name, value))
    first = dict(reversed(parameters))
    order = [term for name, value in by_ending["order"] for term in _order(name, value)]
    logic: list[Logic | Filter] = [_logic_parameter(name, value) for name, value in by_ending["and"] + by_ending["or"]]
    columns = _columns(first["columns"]) if "columns" in first else None
    select = _select(first.get("select", "*"))
    arguments = []
    for name, value in filters:
        target = _embedded_field(name)
        found = _operation(Scanner(value, "filter"), target, whole=True, is_optional=is_call_by_get)
        if found is None:
            arguments.append((target.name, value))
        else:
            logic.append(found)
    for name, _ in by_ending["limit"] + by_ending["offset"]:
        _embedded_field(name)
    limit, offset = (dict(by_ending[ending]).get(ending) for ending in ("limit", "offset"))
    return Query(select, logic, order, columns, limit, offset, arguments)


class Scanner:
    """A text and how far it was read."""

    def __init__(self, text: str, what: str, shown: str | None = None) -> None:
        self.text, self.what, self.at = text, what, 0
        self.shown = text if shown is None else shown

    def take(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def need(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        found = self.take(pattern)
        if not found:
            raise self.error()
        return found

    def error(self) -> ApiError:
        return query_error(self.what, self.shown, self.at + 1)

    def name(self) -> str:
        return _unquoted(self.need(NAME)[0])

    def field(self) -> Field:
        self.take(r"[ \t]*")
        name, path = self.name(), []
        while self.text.startswith("->", self.at):
            arrow, index, key = self.need(JSON_STEP).groups()
            path.append((arrow, int(index) if index else _unquoted(key)))
        self.take(r"[ \t]*")
        return Field(name, tuple(path))


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1], flags=re.S) if name.startswith('"') else name.strip(" ")


def _embedded_field(key: str) -> Field:
    """The column that a parameter's name means; `resource.column` would be one of an embedded resource."""
    scanner = Scanner(key, "tree path")
    target = scanner.field()
    if not target.path and scanner.take(r"\."):
        raise _not_embedded(target.name)
    return target


def _not_embedded(resource: str) -> ApiError:
    hint = f"Verify that '{resource}' is included in the 'select' query parameter."
    return ApiError(400, "PGRST108", f"'{resource}' is not an embedded resource in this request", hint=hint)


def _select(text: str) -> list[Selected]:
    scanner, items = Scanner(text, "select parameter"), []
    if not re.match(r'[\w $"*\t.]', text):
        return []  # nothing was read, so nothing is wrong either
    while True:
        items.append(_selected(scanner))
        if not scanner.take(r"[ \t]*,[ \t]*"):
            return items


def _selected(scanner: Scanner) -> Selected:
    if scanner.take(rf"[ \t]*\*{ITEM_END.pattern}"):
        return Selected(Field("*"))
    if EMBEDDING.match(scanner.text, scanner.at):
        raise NotServedError("embedded resources")
    scanner.take(r"[ \t]*")
    alias = scanner.take(ALIAS)
    if scanner.take(r"count\(\)"):
        raise _no_aggregates()
    target, cast = scanner.field(), scanner.take(CAST)
    if scanner.take(AGGREGATE):
        raise _no_aggregates()
    scanner.need(ITEM_END)
    return Selected(target, _unquoted(alias[1]) if alias else target.label, cast[1].strip() if cast else None)


def _no_aggregates() -> ApiError:
    return ApiError(400, "PGRST123", "Use of aggregate functions is not allowed")


def _columns(text: str) -> set[str]:
    scanner = Scanner(text, "columns parameter")
    names = {scanner.name()}
    while scanner.take(r"[ \t]*,[ \t]*"):
        names.add(scanner.name())
    return names


def _order(key: str, text: str) -> list[Ordered]:
    scanner, terms = Scanner(text, "order"), []
    while True:
        target = scanner.field()
        if scanner.take(r"\("):
            raise _not_embedded(target.name)
        terms.append(Ordered(target, *scanner.need(ORDERING).groups()))
        if not scanner.take(","):
            break
    if key != "order":
        raise _not_embedded(key.partition(".")[0])
    return terms


def _logic_parameter(key: str, text: str) -> Logic | Filter:
    *path, operator = key.split(".")
    embedded = [name for name in path if name != "not"]
    prefix = "not." if "not" in path else ""
    tree = _logic(Scanner(f"{prefix}{operator}{text}", "logic tree", text))
    if embedded:
        raise _not_embedded(embedded[0])
    return tree


def _logic(scanner: Scanner) -> Logic | Filter:
    opening = scanner.take(r"(not\.)?(and|or)[ \t]*\([ \t]*")
    if not opening:
        target = scanner.field()
        scanner.need(r"\.")
        found = _operation(scanner, target, whole=False, is_optional=False)
        assert found
        return found
    parts = [_logic(scanner)]
    while scanner.take(r"[ \t]*,[ \t]*"):
        parts.append(_logic(scanner))
    scanner.need(r"[ \t]*\)[ \t]*")
    return Logic(bool(opening[1]), opening[2], parts)


def _operation(scanner: Scanner, target: Field, whole: bool, is_optional: bool) -> Filter | None:
    """`not.`, an operator and its operand. In a tree the operand ends at a comma or a parenthesis (not `whole`)."""
    negated = bool(scanner.take(r"not\."))
    if scanner.take(r"in\."):
        return Filter(target, negated, "in", None, _list(scanner))
    if scanner.take(r"is\."):
        return Filter(target, negated, "is", None, scanner.need(IS_VALUE)[0].lower())
    if FULL_TEXT.match(scanner.text, scanner.at):
        raise NotServedError("full-text search")
    operation = scanner.take(OPERATION)
    if not operation:
        if is_optional and not negated:
            return None
        raise scanner.error()
    value = scanner.text[scanner.at :] if whole else _value(scanner)
    return Filter(target, negated, operation[1] or operation[2], operation[3], value)


def _value(scanner: Scanner) -> str:
    quoted = scanner.take(QUOTED_VALUE)
    if quoted:
        return _unquoted(quoted[0])
    return (scanner.take(ARRAY_VALUE) or scanner.need(PLAIN_VALUE))[0]


def _list(scanner: Scanner) -> list[str]:
    scanner.need(r"[ \t]*\([ \t]*")
    values = []
    while True:
        quoted = scanner.take(QUOTED_VALUE)
        values.append(_unquoted(quoted[0]) if quoted else scanner.need(PLAIN_VALUE)[0])
        if not scanner.take(","):
            break
    scanner.need(r"[ \t]*\)")
    return values
