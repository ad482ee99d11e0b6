"""The SQL of a request. Values only ever travel as parameters, of unknown type, so that PostgreSQL converts them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from local_stack.rest_catalog import SCHEMA, Function, Parameter
from local_stack.rest_query import Field, Filter, Logic, Ordered, Query, Selected, filtered_fields

OPERATORS = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like", "ilike": "ilike",
    "match": "~", "imatch": "~*", "cs": "@>", "cd": "<@", "ov": "&&", "sl": "<<", "sr": ">>", "nxr": "&<",
    "nxl": "&>", "adj": "-|-", "isdistinct": "is distinct from",
}  # fmt: skip
OBJECT_TYPE = "application/vnd.pgrst.object+json"
IS_VALUES = {"not_null": "not null"}
CSV = """
  (select coalesce(string_agg(a.k, ','), '')
   from (select json_object_keys(r)::text as k from (select row_to_json(hh) as r from pgrst_source hh limit 1) s) a)
  || E'\\n' || coalesce(string_agg(substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2), E'\\n'), '')
"""
Arguments = list[tuple[str, str]]


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Body:
    """What a call is given: a text of JSON or of another type, whole."""

    raw: str | bytes
    is_object: bool


@dataclass
class Source:
    """The rows that are read: from where, under which name, and which of their columns hold JSON."""

    table: str
    name: str
    json_columns: Sequence[str] = ()


@dataclass
class Statement:
    """A text with `$n` for its values."""

    source: Source
    values: list[object] = field(default_factory=list)

    def value(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def read(self, query: Query, limit: int | None, offset: int) -> str:
        selected = ", ".join(self.selected(item) for item in query.select) or f"{self.source.name}.*"
        order = ", ".join(self.ordered(term) for term in query.order)
        rows = "all" if limit is None else self.value(str(limit))
        return (
            f"select {selected} from {self.source.table}{self.where(query.where)}"
            f"{order and ' order by '}{order} limit {rows} offset {self.value(str(offset))}"
        )

    def count(self, query: Query) -> str:
        return f"select 1 from {self.source.table}{self.where(query.where)}"

    def selected(self, item: Selected) -> str:
        text = self.field(item.field)
        text = f"cast({text} as {item.cast})" if item.cast else text
        return f"{text} as {identifier(item.alias)}" if item.alias else text

    def field(self, target: Field) -> str:
        if target.name == "*":
            return f"{self.source.name}.*"
        text = f"{self.source.name}.{identifier(target.name)}"
        if target.path and target.name not in self.source.json_columns:
            text = f"to_jsonb({text})"
        for arrow, step in target.path:
            text += arrow + (self.value(step) if isinstance(step, str) else f"{self.value(str(step))}::int")
        return text

    def ordered(self, term: Ordered) -> str:
        nulls = f" nulls {term.nulls}" if term.nulls else ""
        return f"{self.field(term.field)} {term.direction or ''}{nulls}"

    def where(self, conditions: Iterable[Logic | Filter]) -> str:
        text = " and ".join(self.condition(condition) for condition in conditions)
        return text and f" where {text}"

    def condition(self, condition: Logic | Filter) -> str:
        negation = "not " if condition.negated else ""
        if isinstance(condition, Logic):
            parts = f" {condition.operator} ".join(self.condition(part) for part in condition.parts)
            return f"{negation}({parts})"
        target, operator, value = self.field(condition.field), condition.operator, condition.value
        if isinstance(value, list):
            literal = "{}" if value == [""] else "{" + ",".join(_array_element(item) for item in value) + "}"
            return f"{negation}{target} = any ({self.value(literal)})"
        if operator == "is":
            return f"{negation}{target} is {IS_VALUES.get(value, value)}"
        operand = self.value(value.replace("*", "%") if operator in ("like", "ilike") else value)
        operand = f"{condition.quantifier} ({operand})" if condition.quantifier else operand
        return f"{negation}{target} {OPERATORS[operator]} {operand}"

    def call(self, function: Function, query: Query, keys: set[str], given: Arguments | Body) -> str:
        """`given` are arguments one by one, from a query or a form, or a body."""
        parameters = [parameter for parameter in function.parameters if parameter.name in keys]
        body = ""
        if len(function.parameters) == 1 and not function.parameters[0].name and isinstance(given, Body):
            arguments = f"{self.value(given.raw)}::{function.parameters[0].type}"
        elif isinstance(given, Body):
            arguments = ", ".join(_named(p, f"pgrst_body.{identifier(p.name)}") for p in parameters)
            body = f"{self._record(parameters, given)} pgrst_body, lateral " if parameters else ""
        else:
            arguments = ", ".join(
                _named(p, f"{self.value(_given_value(p, given))}::{p.widest_type}") for p in parameters
            )
        call = f"{identifier(SCHEMA)}.{identifier(function.name)}({arguments})"
        if not function.returns_composite:
            return f"select pgrst_call.pgrst_scalar from {body}(select {call} pgrst_scalar) pgrst_call"
        return f"select {_returned_columns(query)} from {body}{call} pgrst_call"

    def _record(self, parameters: list[Parameter], body: Body) -> str:
        names = ", ".join(identifier(parameter.name) for parameter in parameters)
        types = ", ".join(f"{identifier(parameter.name)} {parameter.widest_type}" for parameter in parameters)
        reader = "json_to_record" if body.is_object else "json_to_recordset"
        payload = f"(select {self.value(body.raw)}::json as json_data) pgrst_payload"
        return f"{payload}, lateral (select {names} from {reader}(pgrst_payload.json_data) as _({types}) limit 1)"

    def write(self, method: str, columns: list[str], query: Query) -> str | None:
        """A write of defaults to the same columns and rows: for EXPLAIN, which asks for the same privileges."""
        names = [identifier(column) for column in columns]
        if method == "DELETE":
            return f"delete from {self.source.table}{self.where(query.where)}"
        if method == "PATCH":
            changes = ", ".join(f"{name} = default" for name in names)
            return f"update {self.source.table} set {changes}{self.where(query.where)}" if names else None
        values = f"({', '.join(names)}) values ({', '.join('default' for _ in names)})" if names else "default values"
        return f"insert into {self.source.table} {values}"

    def answer(self, rows: str, read: str, count: str | None, body: str, *, is_one_row: bool) -> str:
        """Everything that the answer needs in one row, the body as text, so that no driver comes between."""
        counted = f", pgrst_source_count as ({count})" if count else ""
        total = "(select count(*) from pgrst_source_count)" if count else "null::bigint"
        return f"""
          with pgrst_source as ({rows}){counted}
          select {total}, {"1::bigint" if is_one_row else "count(_postgrest_t)"}, ({body})::text,
            nullif(current_setting('response.headers', true), ''),
            nullif(current_setting('response.status', true), '')
          from ({read}) _postgrest_t"""


def _named(parameter: Parameter, value: str) -> str:
    return f"{'variadic ' if parameter.is_variadic else ''}{identifier(parameter.name)} := {value}"


def _given_value(parameter: Parameter, given: Arguments) -> str | list[str]:
    """The last of its name, but all of them for a variadic parameter."""
    values = [value for name, value in given if name == parameter.name]
    return values if parameter.is_variadic else values[-1]


def _array_element(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _returned_columns(query: Query) -> str:
    """Those that are selected and those of the filters; not those of `order`, which is how PostgREST does it."""
    selected = {item.field.name for item in query.select}
    if not selected:
        return "*"
    if "*" in selected:
        return "pgrst_call.*"
    names = sorted(selected | {target.name for target in filtered_fields(query.where)})
    return ", ".join(f"pgrst_call.{identifier(name)}" for name in names)


def body_of(media_type: str, function: Function | None, is_stripped: bool) -> str:
    """The aggregate that makes the body of all rows."""
    if media_type == "text/csv":
        return CSV
    wants_object = media_type == OBJECT_TYPE
    returns_set = function is None or function.returns_set
    is_scalar = function is not None and not function.returns_composite and not (wants_object and returns_set)
    is_single = wants_object or not returns_set
    rows = f"json_agg(_postgrest_t{'.pgrst_scalar' if is_scalar else ''}){'->0' if is_single else ''}"
    rows = f"json_strip_nulls({rows})" if is_stripped else rows
    return f"coalesce({rows}, '{'null' if is_single else '[]'}')"
