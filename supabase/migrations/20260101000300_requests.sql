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

create function private.caller()
returns text
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_sub jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'sub';
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
'party); null when that is no text of 1 to 256 characters. What every policy compares with.';

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

create function private.check_object(argument text, value jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_is_short boolean := true;
  v_number_length integer := 0;
  v_number text;
begin
  if pg_column_size(value) > 1024 then
    -- 1e131071 is short to send and store and long as text: count, rather than make gigabytes of
    -- it.
    for v_number in
      select n #>> '{}' from jsonb_path_query(value, '$.** ? (@.type() == "number")') as n
    loop
      v_number_length := v_number_length + length(v_number);
      v_is_short := v_number_length <= 16384;
      exit when not v_is_short;
    end loop;
  end if;
  if not v_is_short or octet_length(value::text) > 16384 then
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
