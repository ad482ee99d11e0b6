-- Idempotency: one answer per key. Whatever charges or grants looks its key up once the account of
-- the user is locked and before anything else is, and keeps its answer in the same transaction.

create table private.idempotency_keys (
  user_id text not null,
  key text not null,
  request_hash bigint not null,
  answer jsonb not null,
  created_at timestamptz not null,
  key_digest bytea not null generated always as (private.digest(key)) stored,
  primary key (user_id, key_digest)
);

comment on table private.idempotency_keys is
'What the first call with a key answered; kept for at least 30 days. One space of keys per user '
'over all functions that charge or grant.';

create index idempotency_keys_created_at_idx on private.idempotency_keys (created_at);

alter table private.idempotency_keys enable row level security;

create function private.request_hash(function_name text, request jsonb)
returns bigint
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  -- PostgreSQL's own hash of a jsonb does not see how it is nested. Its text is canonical but for
  -- the zeros that end a fraction: strings pass (\1), 1.0 becomes 1 (\2) and 1.50 becomes 1.5 (\3).
  return ('x' || encode(
    substr(
      private.digest(function_name || regexp_replace(
        request::text,
        '("(?:[^"\\]|\\.)*")|(-?\d+)\.0+(?!\d)|(-?\d+\.\d*[1-9])0+(?!\d)',
        '\1\2\3',
        'g'
      )),
      1, 8
    ),
    'hex'
  ))::bit(64)::bigint;
end
$$;

comment on function private.request_hash(text, jsonb) is
'What tells one request with a key from another: the function and its arguments after defaults, '
'where 1 = 1.0 and the order of keys does not matter. Times and durations go in as numbers, lest '
'the time zone of the connection counts.';

create function private.raise_idempotency_conflict(key text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT409' using
    message = 'idempotency_conflict',
    detail = format('The key %L was used for another request.', key),
    hint = 'Use a new key for each request, and the same one only to repeat it.';
end
$$;

comment on function private.raise_idempotency_conflict(text) is
'Raises PT409 idempotency_conflict; the detail has the key.';

create function private.keys_known_since(at timestamptz)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return at - interval '744 hours';
end
$$;

comment on function private.keys_known_since(timestamptz) is
'Keys of 31 days before an instant are known; older ones are forgotten, removed or not.';

create function private.first_answer(
  user_id text, key text, request_hash bigint, at timestamptz
)
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_key private.idempotency_keys;
begin
  if key is null then
    return null;
  end if;
  select * into v_key
  from private.idempotency_keys as k
  where
    k.user_id = first_answer.user_id
    and k.key_digest = private.digest(first_answer.key)
    and k.created_at > private.keys_known_since(at);
  if v_key.request_hash <> request_hash then
    perform private.raise_idempotency_conflict(key);
  end if;
  return v_key.answer;
end
$$;

comment on function private.first_answer(text, text, bigint, timestamptz) is
'What the first call with this key answered, up to 31 days ago; null when it is new or there is no '
'key. The user''s account has to be locked. Raises PT409 idempotency_conflict.';

create function private.remember_answer(
  user_id text, key text, request_hash bigint, answer jsonb, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  if key is null then
    return;
  end if;
  insert into private.idempotency_keys as k (user_id, key, request_hash, answer, created_at)
  values (user_id, key, request_hash, answer, at)
  -- A forgotten one that is not removed yet.
  on conflict on constraint idempotency_keys_pkey do update
  set
    request_hash = excluded.request_hash,
    answer = excluded.answer,
    created_at = excluded.created_at;
end
$$;

comment on function private.remember_answer(text, text, bigint, jsonb, timestamptz) is
'Keeps the answer of a call with a key, for its repetitions. No key: does nothing.';

create function private.forget_old_keys(batch integer default 10000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  -- A day later, lest a clock that is set back finds one missing.
  v_until timestamptz := private.keys_known_since(clock_timestamp()) - interval '24 hours';
  v_count integer;
begin
  delete from private.idempotency_keys as k
  where (k.user_id, k.key_digest) in (
    select old.user_id, old.key_digest
    from private.idempotency_keys as old
    where old.created_at <= v_until
    order by old.created_at
    limit batch
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.forget_old_keys(integer) is
'Sweep: removes up to `batch` idempotency keys that are older than 31 days, which nothing looks '
'at any more, and answers how many. Idempotent; skips what somebody else has locked.';
