-- What every function of the API does first: who calls, and are the arguments of a bearable size.
-- Each error that more than one function raises is raised here, so that its slug has one spelling.

create function private.raise_invalid_argument(argument text, problem text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT422' using
    message = 'invalid_argument',
    detail = format('%s %s.', argument, problem),
    hint = 'Correct the argument that the detail names.';
end
$$;

comment on function private.raise_invalid_argument(text, text) is
'Raises PT422 invalid_argument; the detail names the argument.';

create function private.raise_payload_too_large(argument text, bound text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT413' using
    message = 'payload_too_large',
    detail = format('%s is over %s.', argument, bound),
    hint = 'Send less.';
end
$$;

comment on function private.raise_payload_too_large(text, text) is
'Raises PT413 payload_too_large; the detail names the argument and its bound.';

create function private.raise_session_not_found()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT404' using
    message = 'session_not_found',
    detail = 'You have no session with this id.',
    hint = 'Use the id that the start of the session answered.';
end
$$;

comment on function private.raise_session_not_found() is
'Raises PT404 session_not_found: the same for an unknown id and for somebody else''s.';

create function private.raise_session_closed()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT409' using
    message = 'session_closed',
    detail = 'This session has ended.',
    hint = 'Start a new one.';
end
$$;

comment on function private.raise_session_closed() is 'Raises PT409 session_closed.';

create function private.caller()
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
  -- JSON may hold U+0000, which no text of PostgreSQL can: a first look is cheap.
  v_sub jsonb := case
    when strpos(v_claims, '\u0000') > 0 and v_claims ~ '(^|[^\\])(\\\\)*\\u0000' then null
    else v_claims::jsonb -> 'sub'
  end;
  v_caller text := v_sub #>> '{}';
begin
  if jsonb_typeof(v_sub) = 'string' and char_length(v_caller) between 1 and 256 then
    return v_caller;
  end if;
  return null;
end
$$;

comment on function private.caller() is
'The sub claim of the verified JWT, as text (a UUID with Supabase Auth, anything with a third '
'party); null when that is no text of 1 to 256 characters, or U+0000 stands anywhere in the JWT. '
'What every policy compares with.';

-- Policies are evaluated with the reader's privileges. Without the schema nobody can call it by
-- name.
grant execute on function private.caller() to authenticated;

create function private.caller_id()
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_caller text := private.caller();
begin
  if v_caller is null then
    raise sqlstate 'PT401' using
      message = 'not_signed_in',
      detail = 'The token has no sub claim that is a text of 1 to 256 characters.',
      hint = 'Call with the access token of a signed-in user; a service key is nobody.';
  end if;
  return v_caller;
end
$$;

comment on function private.caller_id() is 'The caller. Raises PT401 not_signed_in.';

create function private.is_admin()
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  -- Who is somebody has claims that can be read.
  return private.caller() is not null
    and current_setting('request.jwt.claims')::jsonb #> '{app_metadata,role}'
    is not distinct from '"admin"';
end
$$;

comment on function private.is_admin() is
'Whether the caller is an administrator: app_metadata.role of their JWT is admin. Definer: a '
'policy asks it for readers without the schema.';

-- A policy asks it, as private.caller().
grant execute on function private.is_admin() to authenticated;

create function private.require_admin()
returns void
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_claims jsonb;
begin
  -- A service key holds no such thing; who is somebody has claims that can be read.
  if strpos(current_setting('request.jwt.claims', true), '\u0000') > 0 then
    perform private.caller_id();
  end if;
  v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  if v_claims ->> 'role' = 'service_role' then
    return;
  end if;
  perform private.caller_id();
  if not private.is_admin() then
    raise sqlstate 'PT403' using
      message = 'admin_only',
      detail = 'This is for administrators.',
      hint = 'Call with a token whose app_metadata.role is admin, or with the service key.';
  end if;
end
$$;

comment on function private.require_admin() is
'Lets pass administrators (app_metadata.role in the JWT is admin) and service_role. Raises PT401 '
'not_signed_in, PT403 admin_only.';

create function private.check_text(argument text, value text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if char_length(value) > 512 then
    perform private.raise_payload_too_large(argument, '512 characters');
  end if;
end
$$;

comment on function private.check_text(text, text) is
'Raises PT413 payload_too_large for a text over 512 characters. Null is fine.';

create function private.is_over_16_kib(value jsonb)
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_number_length integer := 0;
  v_number text;
begin
  if pg_column_size(value) > 1024 then
    -- 1e131071 is short to send and store and long as text: count, rather than make gigabytes of
    -- it.
    begin
      for v_number in
        select n #>> '{}' from jsonb_path_query(value, '$.** ? (@.type() == "number")') as n
      loop
        v_number_length := v_number_length + length(v_number);
        if v_number_length > 16384 then
          return true;
        end if;
      end loop;
    exception
      when statement_too_complex then
        return true; -- Nested deeper than 16 KiB of brackets can be.
    end;
  end if;
  return coalesce(octet_length(value::text) > 16384, false);
end
$$;

comment on function private.is_over_16_kib(jsonb) is
'Whether the jsonb text of a value is over 16 KiB.';

create function private.check_object(argument text, value jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if private.is_over_16_kib(value) then
    perform private.raise_payload_too_large(argument, '16 KiB');
  end if;
  if jsonb_typeof(value) is distinct from 'object' then
    perform private.raise_invalid_argument(argument, 'has to be a JSON object');
  end if;
end
$$;

comment on function private.check_object(text, jsonb) is
'Raises PT413 payload_too_large for a value over 16 KiB (of its jsonb text), PT422 '
'invalid_argument for one that is null or no object.';

create function private.check_user_id(argument text, value text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_text(argument, value);
  if value is null or char_length(value) not between 1 and 256 then
    perform private.raise_invalid_argument(argument, 'has to be a text of 1 to 256 characters');
  end if;
end
$$;

comment on function private.check_user_id(text, text) is
'Raises PT413 payload_too_large or PT422 invalid_argument for what no caller''s sub can be.';

create function private.check_name(argument text, value text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_text(argument, value);
  if value is null or value = '' then
    perform private.raise_invalid_argument(argument, 'has to be a text of 1 to 512 characters');
  end if;
end
$$;

comment on function private.check_name(text, text) is
'Raises PT413 payload_too_large or PT422 invalid_argument for a text that is null, empty or over '
'512 characters.';

create function private.check_given(argument text, is_given boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if not is_given then
    perform private.raise_invalid_argument(argument, 'is null');
  end if;
end
$$;

comment on function private.check_given(text, boolean) is
'Raises PT422 invalid_argument for an argument that is null and may not be.';

create function private.digest(value text)
returns bytea
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return sha256(convert_to(value, 'UTF8'));
end
$$;

comment on function private.digest(text) is
'Stands for a text in an index: two of 512 characters may be longer than an entry can be.';

create function private.is_amount(value numeric)
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return value >= 0 and value < 1e100 and scale(value) <= 100;
end
$$;

comment on function private.is_amount(numeric) is
'Whether a number can be booked: finite, not negative, of at most 100 digits before and after the '
'point, so that no sum of such numbers leaves what a numeric can hold.';

create function private.check_amount(argument text, value numeric, is_zero_fine boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_given(argument, value is not null);
  if not private.is_amount(value) or (value = 0 and not is_zero_fine) then
    perform private.raise_invalid_argument(
      argument,
      format(
        'has to be %s, with at most 100 digits before and after the point',
        case when is_zero_fine then '0 or more' else 'more than 0' end
      )
    );
  end if;
end
$$;

comment on function private.check_amount(text, numeric, boolean) is
'Raises PT422 invalid_argument for what is no amount of credits or money.';

create function private.check_page(before timestamptz, before_id uuid, page_size integer)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if page_size is null or page_size not between 1 and 200 then
    perform private.raise_invalid_argument('page_size', 'has to be between 1 and 200');
  end if;
  if before_id is not null and before is null then
    perform private.raise_invalid_argument('before', 'is needed with before_id');
  end if;
end
$$;

comment on function private.check_page(timestamptz, uuid, integer) is
'Raises PT422 invalid_argument for the arguments of a keyset page that make no sense.';

create function private.check_keep(keep interval)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if
    not isfinite(keep)
    or least(
      extract(year from keep), extract(month from keep), extract(day from keep),
      extract(hour from keep), extract(minute from keep), extract(microseconds from keep)
    ) < 0
  then
    perform private.raise_invalid_argument('keep', 'has to be a duration that is not negative');
  end if;
end
$$;

comment on function private.check_keep(interval) is
'Raises PT422 invalid_argument for what is no time to keep something. Null is fine.';

create function private.check_days_back(days_back integer)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if days_back is null or days_back < 0 then
    perform private.raise_invalid_argument('days_back', 'has to be 0 or more');
  end if;
end
$$;

comment on function private.check_days_back(integer) is
'Raises PT422 invalid_argument for a window that is null or negative.';

create function private.days_before(at timestamptz, days_back integer)
returns timestamptz
language sql
immutable
security invoker
set search_path = ''
as $$
  -- A century reaches everything, and stays within what a timestamp can hold.
  select (at at time zone 'UTC' - make_interval(days => least(days_back, 36500)))
    at time zone 'UTC';
$$;

comment on function private.days_before(timestamptz, integer) is
'Where a window of so many days begins, at most a century ago.';
