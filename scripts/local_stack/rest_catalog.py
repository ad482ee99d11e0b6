"""What the database offers: functions and tables of schema `public`, read anew for each request.

PostgREST keeps a cache and needs a `notify pgrst` after each change; here a new function is there at once.
"""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncConnection, AsyncRawCursor

from local_stack import rest_hints
from local_stack.rest_errors import ApiError

SCHEMA = "public"
# A body of one of these types is one argument, for the one unnamed parameter of one of these types.
WHOLE_BODY_TYPES = {
    "application/json": ("json", "jsonb"),
    "text/plain": ("text",),
    "text/xml": ("xml",),
    "application/octet-stream": ("bytea",),
}
CALLABLE: LiteralString = """
  p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
  and case case when p.proargnames is null then p.pronargs else 0 end
    when 0 then true
    when 1 then p.proargtypes[0] in
      ('bytea'::regtype, 'json'::regtype, 'jsonb'::regtype, 'text'::regtype, 'xml'::regtype)
    else false end
"""
FUNCTIONS: LiteralString = f"""
  select
    coalesce((
      select json_agg(json_build_array(
        coalesce(a.name, ''),
        format_type(a.type, null),
        case a.type
          when 'bit'::regtype then 'bit varying' when 'bit[]'::regtype then 'bit varying[]'
          when 'character'::regtype then 'character varying'
          when 'character[]'::regtype then 'character varying[]'
          else format_type(a.type, null) end,
        a.position <= p.pronargs - p.pronargdefaults,
        coalesce(a.mode = 'v', false)
      ) order by a.position)
      from unnest(p.proargnames, p.proargtypes::oid[], p.proargmodes) with ordinality a (name, type, mode, position)
      where a.type is not null), '[]'),
    coalesce(c.relname, t.typname),
    p.proretset,
    t.typtype = 'c' or coalesce(p.proargmodes::text[] && '{{t,b,o}}', false),
    t.oid = 'void'::regtype and not p.proretset,
    p.provolatile = 'v',
    array(select s from unnest(p.proconfig) s where s ~ '^statement_timeout=')
  from pg_proc p
  cross join lateral (
    with recursive base as (
      select oid, typbasetype from pg_type where oid = p.prorettype
      union all
      select b.oid, b.typbasetype from base join pg_type b on b.oid = base.typbasetype)
    select oid from base where typbasetype = 0
  ) r
  join pg_type t on t.oid = r.oid
  left join pg_class c on c.oid = t.typrelid
  where p.proname = $1 and {CALLABLE}
  order by p.pronargs, obj_description(p.oid, 'pg_proc') nulls first, pg_get_function_identity_arguments(p.oid)
"""
FUNCTION_NAMES: LiteralString = f"select distinct p.proname::text from pg_proc p where {CALLABLE} order by 1"
TABLES: LiteralString = """
  c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'r', 'm', 'f', 'p') and not c.relispartition
"""
TABLE: LiteralString = f"""
  select
    c.relkind in ('r', 'p'),
    exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p'),
    array(
      select a.attname::text from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    array(
      select a.attname::text from pg_attribute a join pg_type t on t.oid = a.atttypid
      where a.attrelid = c.oid and a.attnum > 0
        and coalesce(nullif(t.typbasetype, 0), t.oid) in ('json'::regtype, 'jsonb'::regtype))
  from pg_class c where c.relname = $1 and {TABLES}
"""
TABLE_NAMES: LiteralString = f"select c.relname::text from pg_class c where {TABLES} order by 1"
ROLE_SETTINGS: LiteralString = """
  select split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)
  from pg_roles r, unnest(r.rolconfig) s
  where r.rolname = $1 and pg_has_role(r.oid, 'member')
"""
USER_SETTINGS: LiteralString = """
  select name from pg_settings where context = 'user' and name <> 'default_transaction_isolation'
"""


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    widest_type: str
    is_required: bool
    is_variadic: bool


@dataclass(frozen=True)
class Function:
    """One overload. `returns` is the name of the type or table of its rows."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str
    returns_set: bool
    returns_composite: bool
    returns_void: bool
    is_volatile: bool
    settings: list[str]

    def accepts(self, keys: set[str], body_type: str | None) -> bool:
        """By the names of its arguments; `body_type` is that of a POST."""
        if not self.parameters:
            return not keys and body_type not in ("text/plain", "text/xml", "application/octet-stream")
        required = {parameter.name for parameter in self.parameters if parameter.is_required}
        return required <= keys <= {parameter.name for parameter in self.parameters}

    def takes_the_body(self, body_type: str | None) -> bool:
        if len(self.parameters) != 1 or self.parameters[0].name or body_type is None:
            return False
        return self.parameters[0].type in WHOLE_BODY_TYPES.get(body_type, ())

    @property
    def signature(self) -> str:
        parameters = ", ".join(f"{parameter.name} => {parameter.type}" for parameter in self.parameters)
        return f"{SCHEMA}.{self.name}({parameters})"


@dataclass(frozen=True)
class Table:
    is_table: bool
    has_primary_key: bool
    columns: list[str]
    json_columns: list[str]


async def fetch(connection: AsyncConnection[Any], statement: LiteralString, *values: str) -> list[tuple[Any, ...]]:
    async with AsyncRawCursor(connection) as cursor:
        return await (await cursor.execute(statement, values)).fetchall()


async def find_function(connection: AsyncConnection[Any], name: str, keys: set[str], body_type: str | None) -> Function:
    """The one overload for arguments of these names. Raises PGRST202 and PGRST203."""
    rows = await fetch(connection, FUNCTIONS, name)
    functions = [Function(name, tuple(Parameter(*p) for p in row[0]), *row[1:]) for row in rows]
    found = [function for function in functions if function.accepts(keys, body_type)]
    found = found or [function for function in functions if function.takes_the_body(body_type)]
    if len(found) == 1:
        return found[0]
    if found:
        hint = "Try renaming the parameters or the function itself in the database so function overloading can be"
        signatures = ", ".join(function.signature for function in found)
        message = f"Could not choose the best candidate function between: {signatures}"
        raise ApiError(300, "PGRST203", message, hint=f"{hint} resolved")
    names = [] if functions else [row[0] for row in await fetch(connection, FUNCTION_NAMES)]
    raise _no_function(name, sorted(keys), body_type, functions, names)


def _no_function(
    name: str, keys: list[str], body_type: str | None, overloads: list[Function], names: list[str]
) -> ApiError:
    qualified, hint = f"{SCHEMA}.{name}", None
    whole_body = WHOLE_BODY_TYPES.get(body_type or "", ())
    given = f" with parameter{'s' if len(keys) > 1 else ''} {', '.join(keys)}" if keys else " without parameters"
    if whole_body and body_type != "application/json":
        message, given = "", f" with a single unnamed {whole_body[0]} parameter"
    else:
        message = f"({', '.join(keys)})" if keys else " without parameters"
        if whole_body:
            given += " or with a single unnamed json/jsonb parameter"
        if overloads:
            lists = [_listed(parameter.name for parameter in function.parameters) for function in overloads]
            meant = rest_hints.nearest(_listed(keys), lists, 0.33)
            hint = None if meant is None else f"{qualified}{meant}"
        else:
            meant = rest_hints.nearest(name, names, 0.75)
            hint = None if meant is None else f"{SCHEMA}.{meant}"
    return ApiError(
        404,
        "PGRST202",
        f"Could not find the function {qualified}{message} in the schema cache",
        f"Searched for the function {qualified}{given}, but no matches were found in the schema cache.",
        hint and f"Perhaps you meant to call the function {hint}",
    )


def _listed(names: Any) -> str:
    return f"({', '.join(sorted(names))})"


async def find_table(connection: AsyncConnection[Any], name: str) -> Table:
    """Raises PGRST205."""
    for row in await fetch(connection, TABLE, name):
        return Table(*row)
    meant = rest_hints.nearest(name, [row[0] for row in await fetch(connection, TABLE_NAMES)], 0.75)
    hint = meant and f"Perhaps you meant the table '{SCHEMA}.{meant}'"
    raise ApiError(404, "PGRST205", f"Could not find the table '{SCHEMA}.{name}' in the schema cache", hint=hint)


async def json_columns(connection: AsyncConnection[Any], name: str) -> list[str]:
    """Of the table whose rows a function returns, if it is one."""
    return [column for row in await fetch(connection, TABLE, name) for column in row[3]]


async def role_settings(connection: AsyncConnection[Any], role: str) -> list[tuple[str, str]]:
    """What `alter role … set` says; it holds for a login, and `set role` is none."""
    return [(name, value) for name, value in await fetch(connection, ROLE_SETTINGS, role)]


async def is_time_zone(connection: AsyncConnection[Any], name: str) -> bool:
    return bool(await fetch(connection, "select from pg_timezone_names where name = $1", name))


async def user_settings(connection: AsyncConnection[Any]) -> frozenset[str]:
    """The settings that everybody may set."""
    return frozenset(row[0] for row in await fetch(connection, USER_SETTINGS))
