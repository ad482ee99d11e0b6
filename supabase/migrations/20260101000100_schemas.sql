-- Two schemas: `public` is the API, `private` the machinery behind it, which PostgREST does not
-- expose. Nothing in either can be executed or read until a grant beside it says so.

-- The platform may have these already, hence `if not exists` (the only place where it stands).
create extension if not exists btree_gist with schema extensions;
create extension if not exists pg_trgm with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;

-- PostgreSQL lets everybody execute a new function. Only the global form of this takes that away:
-- the form with `in schema` can add to the built-in default and never subtract from it.
alter default privileges revoke execute on functions from public;

-- The platform grants what `postgres` creates in `public` to the API roles by name, besides.
alter default privileges in schema public
revoke execute on functions from anon, authenticated, service_role;

create schema private;

comment on schema private is
'The machinery of Hourglass: not exposed by the API, reached only through functions of schema '
'public, the schedule and the worker.';

-- Roles belong to the cluster and outlive a reset of the database.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'hourglass_worker') then
    create role hourglass_worker login noinherit;
    comment on role hourglass_worker is
'The worker of Hourglass. Executes the sweeps, the jobs of the timetable and the report of the '
'health, and nothing else; an operator gives it a password.';
  end if;
end
$$;

grant usage on schema private to hourglass_worker;

create function private.is_duration(value interval)
returns boolean
language sql
immutable
security invoker
set search_path = ''
as $$
  select
    value > interval '0'
    and value <= interval '100 years'
    -- Else it could be positive in one month and negative in the next.
    and least(
      extract(year from value), extract(month from value), extract(day from value),
      extract(hour from value), extract(minute from value), extract(microseconds from value)
    ) >= 0;
$$;

comment on function private.is_duration(interval) is
'Whether an interval leads forward from each instant, by at most a century.';
