-- The entries of a batch of usage: judged, read, and locked for. Between the statements of a batch
-- they are arrays, because a temporary table would cost more than all the rest.

create type private.batch_charge as (
  number integer,
  user_id text,
  credits numeric,
  model text,
  prompt_tokens integer,
  completion_tokens integer,
  thread_id text,
  kind text,
  metadata jsonb,
  idempotency_key text,
  hold_id uuid,
  overdraft boolean,
  request_hash bigint,
  settled numeric,
  refusal text,
  usage_log_id uuid,
  at timestamptz,
  spent numeric,
  overdrawn numeric,
  balance numeric,
  available numeric,
  version bigint
);

comment on type private.batch_charge is
'An entry of a batch: its number, from 0; the arguments of record_usage after defaults; the hash '
'of that request if it has a key; then, once it was weighed, why it is refused or what it does. '
'spent counts what the batch takes of its user, settled what it frees of a hold, overdrawn what no '
'lot had; balance, available and version are those after it.';

create type private.batch_line as (
  number integer,
  position bigint,
  user_id text,
  usage_log_id uuid,
  grant_id uuid,
  credits numeric,
  at timestamptz
);

comment on type private.batch_line is 'How much of which lot a charge of a batch burns.';

create function private.each_charge(charges private.batch_charge[])
returns setof private.batch_charge
language plpgsql
immutable
-- What a planner has to expect: it takes any array for ten.
rows 1000
security invoker
set search_path = ''
as $$
begin
  return query select * from unnest(charges);
end
$$;

comment on function private.each_charge(private.batch_charge[]) is
'The charges of a batch as rows, in their order.';

create function private.each_line(lines private.batch_line[])
returns setof private.batch_line
language plpgsql
immutable
rows 1000
security invoker
set search_path = ''
as $$
begin
  return query select * from unnest(lines);
end
$$;

comment on function private.each_line(private.batch_line[]) is
'The lines of a batch as rows, in their order.';

-- Arguments.

create function private.are_usage_entries(entries jsonb)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return not exists (
    select
    from jsonb_array_elements(entries) as e (value)
    where
      case
        when jsonb_typeof(e.value) <> 'object' then true
        when pg_column_size(e.value) > 1024 then private.is_over_16_kib(e.value)
        -- What is this short can be long as text by its numbers only.
        else e.value -> 'metadata' <> '{}' and octet_length(e.value::text) > 16384
      end
      or e.value - array[
        'user_id', 'credits', 'model', 'prompt_tokens', 'completion_tokens', 'thread_id', 'kind',
        'metadata', 'idempotency_key', 'hold_id', 'overdraft'
      ] <> '{}'
      or jsonb_typeof(e.value -> 'user_id') is distinct from 'string'
      or jsonb_typeof(e.value -> 'credits') not in ('number', 'string', 'null')
      or jsonb_typeof(e.value -> 'model') not in ('string', 'null')
      or jsonb_typeof(e.value -> 'prompt_tokens') <> 'number'
      or jsonb_typeof(e.value -> 'completion_tokens') <> 'number'
      or jsonb_typeof(e.value -> 'thread_id') not in ('string', 'null')
      or jsonb_typeof(e.value -> 'kind') <> 'string'
      or jsonb_typeof(e.value -> 'metadata') <> 'object'
      or jsonb_typeof(e.value -> 'idempotency_key') not in ('string', 'null')
      or jsonb_typeof(e.value -> 'hold_id') not in ('string', 'null')
      or jsonb_typeof(e.value -> 'overdraft') <> 'boolean'
  );
end
$$;

comment on function private.are_usage_entries(jsonb) is
'Whether each element of an array is an object within 16 KiB that has the fields of a usage entry '
'and no others, each of its JSON type. In one pass over all: private.check_usage_entry tells what '
'is wrong.';

create function private.read_usage_entries(
  entries jsonb, out charges private.batch_charge[], out are_valid boolean
)
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  select
    array_agg(
      row(
        e.number - 1, e.user_id, e.credits, e.model, coalesce(e.prompt_tokens, 0),
        coalesce(e.completion_tokens, 0), e.thread_id, coalesce(e.kind, 'completion'),
        coalesce(e.metadata, '{}'), e.idempotency_key, e.hold_id, coalesce(e.overdraft, false),
        case
          when e.idempotency_key is not null then private.charge_hash(
            e.credits, e.model, coalesce(e.prompt_tokens, 0), coalesce(e.completion_tokens, 0),
            e.thread_id, coalesce(e.kind, 'completion'), coalesce(e.metadata, '{}'), e.hold_id,
            coalesce(e.overdraft, false)
          )
        end,
        0, null, null, null, null, null, null, null, null
      )::private.batch_charge
      order by e.number
    ),
    coalesce(
      bool_and(
        char_length(e.user_id) between 1 and 256
        and coalesce(char_length(e.model) <= 512, e.credits is not null)
        and coalesce(
          e.credits >= 0 and e.credits < 1e100 and scale(e.credits) <= 100, e.credits is null
        )
        and coalesce(least(e.prompt_tokens, e.completion_tokens) >= 0, true)
        and coalesce(char_length(e.thread_id) <= 512, true)
        and coalesce(char_length(e.kind) <= 512, true)
        and coalesce(char_length(e.idempotency_key) <= 512, true)
      ),
      true
    )
  into charges, are_valid
  from rows from (
    jsonb_to_recordset(entries) as (
      user_id text, credits numeric, model text, prompt_tokens integer, completion_tokens integer,
      thread_id text, kind text, metadata jsonb, idempotency_key text, hold_id uuid,
      overdraft boolean
    )
  ) with ordinality as e (
    user_id, credits, model, prompt_tokens, completion_tokens, thread_id, kind, metadata,
    idempotency_key, hold_id, overdraft, number
  );
end
$$;

comment on function private.read_usage_entries(jsonb) is
'The entries of a batch with their defaults, and whether all are within their bounds. Raises a '
'data_exception for a number or an id that cannot be read. The entries have to be of their types.';

create function private.usage_field_problem(field text, value jsonb)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_type text := jsonb_typeof(value);
  v_text text := value #>> '{}';
begin
  return case
    when field in ('model', 'thread_id', 'idempotency_key') then
      case when v_type not in ('string', 'null') then 'has to be a text or null' end
    when field = 'user_id' then
      case
        when v_type <> 'string' or char_length(v_text) not between 1 and 256
          then 'has to be a text of 1 to 256 characters'
      end
    when field = 'kind' then case when v_type <> 'string' then 'has to be a text' end
    when field = 'metadata' then
      case when v_type <> 'object' then 'has to be a JSON object' end
    when field = 'overdraft' then
      case when v_type <> 'boolean' then 'has to be true or false' end
    when field = 'hold_id' then
      case
        when
          v_type not in ('string', 'null')
          or v_text !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
          then 'has to be a uuid or null'
      end
    when field in ('prompt_tokens', 'completion_tokens') then
      case
        when v_type <> 'number' or v_text !~ '^[0-9]{1,10}$' or v_text::bigint > 2147483647
          then 'has to be an integer of 0 or more'
      end
    when field = 'credits' then
      case
        when
          v_type not in ('number', 'string', 'null')
          or v_text !~ '^[0-9]+(\.[0-9]+)?$'
          or not private.is_amount(v_text::numeric)
          then 'has to be 0 or more, with at most 100 digits before and after the point, or null'
      end
    else 'is no argument of record_usage'
  end;
end
$$;

comment on function private.usage_field_problem(text, jsonb) is
'What is wrong with a field of a usage entry within 16 KiB; null when nothing is. Texts may still '
'be too long.';

create function private.check_usage_entry(name text, entry jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_field record;
begin
  if private.is_over_16_kib(entry) then
    perform private.raise_payload_too_large(name, '16 KiB');
  elsif jsonb_typeof(entry) <> 'object' then
    perform private.raise_invalid_argument(name, 'has to be a JSON object');
  elsif not entry ? 'user_id' then
    perform private.raise_invalid_argument(name || '.user_id', 'is missing');
  elsif coalesce(entry ->> 'credits', entry ->> 'model') is null then
    perform private.raise_invalid_argument(name || '.credits', 'is needed without a model');
  end if;
  for v_field in
    select
      format('%s.%s', check_usage_entry.name, left(f.key, 64)) as name,
      case when jsonb_typeof(f.value) = 'string' then f.value #>> '{}' end as text,
      private.usage_field_problem(f.key, f.value) as problem
    from jsonb_each(entry) as f
  loop
    perform private.check_text(v_field.name, v_field.text);
    if v_field.problem is not null then
      perform private.raise_invalid_argument(v_field.name, v_field.problem);
    end if;
  end loop;
end
$$;

comment on function private.check_usage_entry(text, jsonb) is
'Raises PT422 invalid_argument or PT413 payload_too_large for an entry of a batch that cannot be '
'one; the detail names the field, as in entries[3].credits.';

create function private.usage_entries(entries jsonb)
returns private.batch_charge[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_read record;
begin
  if jsonb_typeof(entries) is distinct from 'array' then
    perform private.raise_invalid_argument('entries', 'has to be a JSON array');
  elsif jsonb_array_length(entries) > 1000 then
    perform private.raise_payload_too_large('entries', '1,000 entries');
  end if;
  begin
    if private.are_usage_entries(entries) then
      v_read := private.read_usage_entries(entries);
      if v_read.are_valid then
        return coalesce(v_read.charges, '{}');
      end if;
    end if;
  exception
    when data_exception then
      null; -- A number or an id that cannot be read: which one is told below.
  end;
  perform private.check_usage_entry(format('entries[%s]', e.number - 1), e.value)
  from jsonb_array_elements(entries) with ordinality as e (value, number);
  perform private.raise_invalid_argument('entries', 'cannot be read');
  return null;
end
$$;

comment on function private.usage_entries(jsonb) is
'The entries of a batch with their defaults, in their order. Raises PT422 invalid_argument or '
'PT413 payload_too_large for what is no array of at most 1,000 usage entries; all are judged '
'before anything is looked up.';

-- The users' turns.

create function private.lock_accounts(user_ids text[])
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_locked_count integer;
begin
  loop
    begin
      insert into public.accounts (user_id, plan_id)
      select u.user_id, p.id
      from (select distinct i.user_id from unnest(user_ids) as i (user_id)) as u
      cross join public.plans as p
      where
        p.is_default
        and not exists (select from public.accounts as a where a.user_id = u.user_id)
      order by u.user_id
      on conflict do nothing;
      perform from public.accounts as a
      where a.user_id = any(user_ids)
      order by a.user_id
      for no key update;
      get diagnostics v_locked_count = row_count;
      if
        v_locked_count = (select count(distinct i.user_id) from unnest(user_ids) as i (user_id))
      then
        return;
      end if;
      raise sqlstate 'HG001';
    exception
      when sqlstate 'HG001' then
        null; -- One was erased in between. Let go of the others, and begin anew.
    end;
  end loop;
end
$$;

comment on function private.lock_accounts(text[]) is
'Locks the accounts of these users in one statement, in their order; one makes those that are '
'missing.';

create function private.lock_credits_of(user_ids text[])
returns private.charge_turn[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz;
begin
  perform private.lock_accounts(user_ids);
  v_now := clock_timestamp();
  return array(
    select
      case
        when
          b.plan_credits >= p.credits_per_period
          and interval_send(b.period) = interval_send(p.period)
          and least(b.next_due_at, b.period_ends_at) > t.at
          and coalesce(least(s.expires_at, s.cap_at) > t.at, true)
          then row(t.at, a.version, b, false)::private.charge_turn
        else private.lock_credits(a.user_id)
      end
    from public.accounts as a
    inner join public.plans as p on p.id = a.plan_id
    left join private.credit_balances as b on b.user_id = a.user_id
    left join public.usage_sessions as s on s.user_id = a.user_id and s.ended_at is null
    cross join lateral (
      select greatest(v_now, a.changed_at + interval '1 microsecond') as at
    ) as t
    where a.user_id = any(user_ids)
  );
end
$$;

comment on function private.lock_credits_of(text[]) is
'private.lock_credits of many users: one statement makes the accounts that are missing and one '
'locks all, both in the order of user_id, so that two batches never wait for each other in a '
'circle. Then one instant for each user; only who has something due is settled one by one.';

-- Keys.

create function private.repeated_numbers(
  charges private.batch_charge[], turns private.charge_turn[]
)
returns integer[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_repeated record;
begin
  with entry as (
    select
      c.number,
      c.user_id,
      c.idempotency_key,
      c.request_hash,
      first_value(c.number) over same as first_number,
      first_value(c.request_hash) over same as first_hash
    from private.each_charge(charges) as c
    where c.idempotency_key is not null
    window same as (partition by c.user_id, c.idempotency_key order by c.number)
  )

  select
    array_agg(e.number) filter (where k.key is not null or e.number > e.first_number) as numbers,
    min(e.idempotency_key)
      filter (where e.request_hash <> coalesce(k.request_hash, e.first_hash)) as conflict
  into v_repeated
  from entry as e
  inner join unnest(turns) as t on (t.balance).user_id = e.user_id
  left join private.idempotency_keys as k
    on k.user_id = e.user_id
    and k.key_digest = private.digest(e.idempotency_key)
    and k.created_at > private.keys_known_since(t.at);
  if v_repeated.conflict is not null then
    perform private.raise_idempotency_conflict(v_repeated.conflict);
  end if;
  return v_repeated.numbers;
end
$$;

comment on function private.repeated_numbers(
  private.batch_charge[], private.charge_turn[]
) is
'Which entries of a batch have a key that was used before, by an earlier call or an earlier entry; '
'null = none. Raises PT409 idempotency_conflict.';
