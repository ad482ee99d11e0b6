-- Charges and their refunds. A charge is one transaction: the log, which lots it burned, the
-- balance, the thread's totals and the events.

create function private.check_charge(
  user_id text, credits numeric, model text, prompt_tokens integer, completion_tokens integer,
  thread_id text, kind text, metadata jsonb, idempotency_key text, overdraft boolean
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if
    char_length(user_id) between 1 and 256
    and char_length(kind) <= 512
    and greatest(
      char_length(model), char_length(thread_id), char_length(idempotency_key), 0
    ) <= 512
    and pg_column_size(metadata) <= 1024
    and octet_length(metadata::text) <= 16384
    and jsonb_typeof(metadata) = 'object'
    and prompt_tokens >= 0
    and completion_tokens >= 0
    and (case when credits is null then model is not null else private.is_amount(credits) end)
    and overdraft is not null
  then
    return;
  end if;
  -- What is wrong, if anything: most often nothing is.
  perform private.check_user_id('user_id', user_id);
  perform private.check_text('model', model);
  perform private.check_text('thread_id', thread_id);
  perform private.check_text('kind', kind);
  perform private.check_text('idempotency_key', idempotency_key);
  perform private.check_object('metadata', metadata);
  perform private.check_given('kind', kind is not null);
  perform private.check_given('overdraft', overdraft is not null);
  if (prompt_tokens >= 0) is not true then
    perform private.raise_invalid_argument('prompt_tokens', 'has to be 0 or more');
  elsif (completion_tokens >= 0) is not true then
    perform private.raise_invalid_argument('completion_tokens', 'has to be 0 or more');
  elsif credits is null and model is null then
    perform private.raise_invalid_argument('credits', 'is needed without a model to price it by');
  elsif credits is not null then
    perform private.check_amount('credits', credits, true);
  end if;
end
$$;

comment on function private.check_charge(
  text, numeric, text, integer, integer, text, text, jsonb, text, boolean
) is
'Raises PT422 invalid_argument or PT413 payload_too_large for what cannot be charged.';

create function private.raise_rate_not_found(model text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT404' using
    message = 'rate_not_found',
    detail = format('Model %L has no price now.', model),
    hint = 'Prices are rows of public.model_rates; or say the credits.';
end
$$;

comment on function private.raise_rate_not_found(text) is
'Raises PT404 rate_not_found; the detail names the model.';

create function private.price(
  model text, prompt_tokens integer, completion_tokens integer, at timestamptz
)
returns numeric
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_rate public.model_rates;
begin
  select * into v_rate
  from public.model_rates as r
  where r.model = price.model and r.effective_from <= at
  order by r.effective_from desc
  limit 1;
  if not found then
    perform private.raise_rate_not_found(model);
  end if;
  -- A thousandth as a factor: a division would round.
  return trim_scale(0.001 * (
    prompt_tokens * v_rate.prompt_credits_per_1k
    + completion_tokens * v_rate.completion_credits_per_1k
  ));
end
$$;

comment on function private.price(text, integer, integer, timestamptz) is
'What tokens of a model cost at an instant, exactly. Raises PT404 rate_not_found.';

create function private.raise_hold_closed(status text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT409' using
    message = 'hold_closed',
    detail = format('This hold is %s.', status),
    hint = 'Charge without it, or with overdraft to record the work all the same.';
end
$$;

comment on function private.raise_hold_closed(text) is
'Raises PT409 hold_closed; the detail says what became of the hold.';

create function private.usable_hold(user_id text, hold_id uuid, overdraft boolean)
returns public.credit_holds
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_hold public.credit_holds;
begin
  if hold_id is null then
    return null;
  end if;
  select * into v_hold
  from public.credit_holds as h
  where h.id = hold_id and h.user_id = usable_hold.user_id;
  if not found then
    perform private.raise_hold_not_found();
  elsif v_hold.status = 'live' then
    return v_hold;
  elsif not overdraft then
    perform private.raise_hold_closed(v_hold.status);
  end if;
  return null;
end
$$;

comment on function private.usable_hold(text, uuid, boolean) is
'The live hold that a charge settles; null when it names none, or with `overdraft` one that is '
'over. Holds that ran out have to be booked. Raises PT404 hold_not_found, PT409 hold_closed.';

create function private.burn_lots(
  user_id text, credits numeric, usage_log_id uuid, at timestamptz
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_lots jsonb := '[]'::jsonb;
  v_left numeric := credits;
  -- Before all lots; then each in its turn.
  v_lot private.live_lots :=
    row(user_id, -2147483648, '-infinity', '-infinity', '00000000-0000-0000-0000-000000000000');
  v_remaining numeric;
  v_burned numeric;
begin
  while v_left > 0 loop
    -- One by one: a query for all might read and sort them all before the first is burned.
    select * into v_lot
    from private.live_lots as l
    where
      l.user_id = burn_lots.user_id
      and (l.priority, l.expires_at, l.created_at, l.grant_id)
      > (v_lot.priority, v_lot.expires_at, v_lot.created_at, v_lot.grant_id)
    order by l.priority, l.expires_at, l.created_at, l.grant_id
    limit 1;
    exit when not found;
    select g.remaining into v_remaining from public.credit_grants as g where g.id = v_lot.grant_id;
    v_burned := least(v_remaining, v_left);
    update public.credit_grants as g set remaining = g.remaining - v_burned
    where g.id = v_lot.grant_id;
    if v_burned = v_remaining then
      delete from private.live_lots as l where l.grant_id = v_lot.grant_id;
    end if;
    insert into public.credit_usage (user_id, grant_id, usage_log_id, kind, credits, created_at)
    values (user_id, v_lot.grant_id, usage_log_id, 'charge', v_burned, at);
    v_lots := v_lots || jsonb_build_array(
      jsonb_build_object('grant_id', v_lot.grant_id, 'credits', v_burned)
    );
    v_left := v_left - v_burned;
  end loop;
  if v_left > 0 then
    insert into private.overdrafts (usage_log_id, user_id, credits, created_at)
    values (usage_log_id, user_id, v_left, at);
  end if;
  return v_lots;
end
$$;

comment on function private.burn_lots(text, numeric, uuid, timestamptz) is
'Burns credits for a log from the lots of a user whose turn it is, in burn order; what no lot has '
'is overdrawn. Answers [{grant_id, credits}].';

create function private.announce_usage_logged(
  receipt public.usage_receipt, thread public.thread_usage, log_count bigint
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform realtime.send(
    jsonb_build_object(
      'version', receipt.version,
      'at', receipt.created_at,
      'usage_log_id', receipt.usage_log_id,
      'thread_id', receipt.thread_id,
      'credits', receipt.credits,
      'thread', case when receipt.thread_id is not null then to_jsonb(thread) end,
      'count', log_count
    ),
    'usage:logged',
    'user:' || receipt.user_id,
    true
  );
end
$$;

comment on function private.announce_usage_logged(
  public.usage_receipt, public.thread_usage, bigint
) is
'Sends usage:logged to the user''s topic: the last of so many logs of a statement, and what its '
'thread (null = none) has used with them.';

create function private.write_log(log public.usage_logs)
returns public.thread_usage
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_thread public.thread_usage;
begin
  -- One statement, here and below: each of its own would cost about as much as what it does.
  with logged as (
    insert into public.usage_logs (
      id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata,
      created_at
    )
    values (
      log.id, log.user_id, log.thread_id, log.kind, log.model, log.prompt_tokens,
      log.completion_tokens, log.credits, log.metadata, log.created_at
    )
  )

  insert into private.thread_totals as t (
    user_id, thread_id, credits, prompt_tokens, completion_tokens, requests, last_used_at
  )
  select
    log.user_id, log.thread_id, log.credits, log.prompt_tokens, log.completion_tokens, 1,
    log.created_at
  where log.thread_id is not null
  on conflict on constraint thread_totals_pkey do update
  set
    credits = t.credits + excluded.credits,
    prompt_tokens = t.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = t.completion_tokens + excluded.completion_tokens,
    requests = t.requests + 1,
    last_used_at = excluded.last_used_at
  returning
    t.thread_id, t.credits, t.prompt_tokens, t.completion_tokens,
    t.prompt_tokens + t.completion_tokens, t.requests, t.last_used_at
  into v_thread;
  return v_thread;
end
$$;

comment on function private.write_log(public.usage_logs) is
'Stores a log and answers what its thread has used with it; null when it has none.';

create function private.write_balance(
  balance private.credit_balances, log public.usage_logs
)
returns uuid
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_grant_id uuid;
begin
  with burned as (
    update public.credit_grants as g
    set remaining = g.remaining - log.credits
    from (
      select l.grant_id
      from private.live_lots as l
      where l.user_id = log.user_id
      order by l.priority, l.expires_at, l.created_at, l.grant_id
      limit 1
    ) as f
    where g.id = f.grant_id and log.credits > 0 and g.remaining > log.credits
    returning g.id
  ),

  line as (
    insert into public.credit_usage (user_id, grant_id, usage_log_id, kind, credits, created_at)
    select log.user_id, b.id, log.id, 'charge', log.credits, log.created_at
    from burned as b
  ),

  stored as (
    update private.credit_balances as b
    set
      balance = write_balance.balance.balance,
      overdraft = write_balance.balance.overdraft,
      held = write_balance.balance.held,
      used = write_balance.balance.used,
      last_used_at = log.created_at
    where b.user_id = log.user_id
  ),

  counted as (
    update public.accounts as a
    set version = a.version + 1, changed_at = log.created_at
    where a.user_id = log.user_id
  )

  select b.id into v_grant_id from burned as b;
  return v_grant_id;
end
$$;

comment on function private.write_balance(private.credit_balances, public.usage_logs) is
'Stores the balance after a charge and counts it as a transition. Answers the lot that it burned: '
'null when the first lot does not suffice, which is then left as it was.';

create function private.charge(
  turn private.charge_turn, log public.usage_logs, hold public.credit_holds, overdraft boolean
)
returns public.usage_receipt
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_balance private.credit_balances := turn.balance;
  v_lots jsonb := '[]'::jsonb;
  v_receipt public.usage_receipt;
  v_thread public.thread_usage;
  v_grant_id uuid;
  v_reserved numeric := coalesce(hold.credits, 0);
  v_available numeric := v_balance.balance - v_balance.held + v_reserved;
begin
  -- What is within the hold was admitted when it was made, and nothing costs nothing.
  if log.credits > greatest(v_reserved, v_available) and log.credits > 0 and not overdraft then
    perform private.raise_insufficient_credits(log.credits, v_available);
  end if;
  -- All lots together have the balance and what is overdrawn.
  v_balance.overdraft := greatest(v_balance.overdraft, log.credits - v_balance.balance);
  v_balance.balance := v_balance.balance - log.credits;
  v_balance.used := v_balance.used + log.credits;
  v_balance.last_used_at := turn.at;
  if hold.id is not null then
    update public.credit_holds as h set status = 'settled' where h.id = hold.id;
    v_balance.held := v_balance.held - hold.credits;
  end if;
  v_thread := private.write_log(log);
  v_grant_id := private.write_balance(v_balance, log);
  if v_grant_id is not null then
    v_lots := jsonb_build_array(
      jsonb_build_object('grant_id', v_grant_id, 'credits', log.credits)
    );
  elsif log.credits > 0 then
    v_lots := private.burn_lots(log.user_id, log.credits, log.id, turn.at);
  end if;
  if v_balance.balance <= v_balance.low_at then
    perform private.watch_credits(v_balance, turn.at);
  end if;
  v_receipt := row(
    log.id, log.user_id, log.thread_id, log.credits, v_lots, v_balance.balance,
    v_balance.balance - v_balance.held, turn.version + 1, turn.at, null
  );
  perform
    private.send_credits(
      log.user_id,
      private.credit_balance_of(v_balance, 0, v_receipt.version, turn.at),
      turn.at
    ),
    private.announce_usage_logged(v_receipt, v_thread, 1),
    private.hint_usage_changed();
  return v_receipt;
end
$$;

comment on function private.charge(
  private.charge_turn, public.usage_logs, public.credit_holds, boolean
) is
'Records a log and charges it, settling the hold given (or null). Raises PT402 '
'insufficient_credits.';

create function private.charge_hash(
  credits numeric, model text, prompt_tokens integer, completion_tokens integer, thread_id text,
  kind text, metadata jsonb, hold_id uuid, overdraft boolean
)
returns bigint
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return private.request_hash('record_usage', jsonb_build_object(
    'credits', credits, 'model', model, 'prompt_tokens', prompt_tokens,
    'completion_tokens', completion_tokens, 'thread_id', thread_id, 'kind', kind,
    'metadata', metadata, 'hold_id', hold_id, 'overdraft', overdraft
  ));
end
$$;

comment on function private.charge_hash(
  numeric, text, integer, integer, text, text, jsonb, uuid, boolean
) is
'The hash of a charge that has a key, as record_usage and a batch compare them.';

create function public.record_usage(
  user_id text,
  credits numeric default null,
  model text default null,
  prompt_tokens integer default 0,
  completion_tokens integer default 0,
  thread_id text default null,
  kind text default 'completion',
  metadata jsonb default '{}',
  idempotency_key text default null,
  hold_id uuid default null,
  overdraft boolean default false
)
returns public.usage_receipt
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_turn private.charge_turn;
  v_log public.usage_logs;
  v_hold public.credit_holds;
  v_receipt public.usage_receipt;
  v_hash bigint;
  v_answer jsonb;
begin
  perform private.check_charge(
    user_id, credits, model, prompt_tokens, completion_tokens, thread_id, kind, metadata,
    idempotency_key, overdraft
  );
  v_turn := private.lock_credits(user_id);
  if idempotency_key is not null then
    v_hash := private.charge_hash(
      credits, model, prompt_tokens, completion_tokens, thread_id, kind, metadata, hold_id,
      overdraft
    );
    v_answer := private.first_answer(user_id, idempotency_key, v_hash, v_turn.at);
    if v_answer is not null then
      perform private.pass_turn(v_turn);
      return jsonb_populate_record(v_receipt, v_answer);
    end if;
  end if;
  v_log := row(
    gen_random_uuid(), user_id, thread_id, kind, model, prompt_tokens, completion_tokens,
    coalesce(credits, private.price(model, prompt_tokens, completion_tokens, v_turn.at)),
    metadata, v_turn.at, null, null
  );
  if hold_id is not null then
    v_hold := private.usable_hold(user_id, hold_id, overdraft);
  end if;
  v_receipt := private.charge(v_turn, v_log, v_hold, overdraft);
  if idempotency_key is not null then
    perform private.remember_answer(
      user_id, idempotency_key, v_hash, to_jsonb(v_receipt), v_turn.at
    );
  end if;
  return v_receipt;
end
$$;

comment on function public.record_usage(
  text, numeric, text, integer, integer, text, text, jsonb, text, uuid, boolean
) is
'[service] Records what was consumed and charges it, in one transaction: as many credits as said, '
'or as model_rates has for the model now. `hold_id` settles that hold: up to what it reserves is '
'always admitted, and what it reserves beyond the charge is free again. `overdraft` records the '
'work whatever is available, and also when its hold is over. The same idempotency_key again '
'answers the first receipt. Raises insufficient_credits, rate_not_found, hold_not_found, '
'hold_closed, idempotency_conflict, invalid_argument, payload_too_large. Definer: back ends write '
'no table.';

grant execute on function public.record_usage(
  text, numeric, text, integer, integer, text, text, jsonb, text, uuid, boolean
) to service_role;

-- Refunds.

create function private.give_back(log public.usage_logs, at timestamptz)
returns jsonb
language sql
security invoker
set search_path = ''
as $$
  with burned as (
    select u.grant_id, sum(u.credits) as credits, min(u.id) as first_line_id
    from public.credit_usage as u
    where u.user_id = log.user_id and u.usage_log_id = log.id and u.kind = 'charge'
    group by u.grant_id
  ),

  lots as (
    select
      g.id,
      g.priority,
      coalesce(g.expires_at, 'infinity') as expires_at,
      g.created_at,
      b.first_line_id,
      case when g.expires_at <= at or p.status = 'refunded' then 0 else b.credits end as credits
    from burned as b
    inner join public.credit_grants as g on g.id = b.grant_id
    left join private.purchase_lots as o on o.grant_id = g.id
    left join public.credit_purchases as p on p.id = o.purchase_id
  ),

  filled as (
    update public.credit_grants as g
    set remaining = g.remaining + l.credits
    from lots as l
    where g.id = l.id and l.credits > 0
  ),

  lines as (
    insert into public.credit_usage (user_id, grant_id, usage_log_id, kind, credits, created_at)
    select log.user_id, l.id, log.id, 'refund', -l.credits, at
    from lots as l
    where l.credits > 0
    order by l.first_line_id
  ),

  revived as (
    insert into private.live_lots (user_id, priority, expires_at, created_at, grant_id)
    select log.user_id, l.priority, l.expires_at, l.created_at, l.id
    from lots as l
    where l.credits > 0
    on conflict do nothing
  )

  select coalesce(
    jsonb_agg(
      jsonb_build_object('grant_id', l.id, 'credits', l.credits) order by l.first_line_id
    ),
    '[]'
  )
  from lots as l;
$$;

comment on function private.give_back(public.usage_logs, timestamptz) is
'Gives back to each lot what a log burned of it, nothing to one that has expired or whose purchase '
'was refunded. Answers [{grant_id, credits}] of all of them.';

create function private.log_to_refund(usage_log_id uuid)
returns public.usage_logs
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_log public.usage_logs;
  v_since timestamptz :=
    private.later(clock_timestamp(), -(select s.usage_log_retention from private.settings as s));
begin
  -- One past its retention is gone, dropped or not.
  select * into v_log
  from public.usage_logs as l
  where l.id = usage_log_id and l.created_at > v_since;
  if not found then
    -- Refunded once and past its retention since.
    select r.user_id into v_log.user_id
    from private.usage_refunds as r
    where r.usage_log_id = log_to_refund.usage_log_id;
  end if;
  if v_log.user_id is null then
    raise sqlstate 'PT404' using
      message = 'usage_log_not_found',
      detail = 'There is no usage log with this id.',
      hint = 'Use the usage_log_id of a receipt.';
  end if;
  return v_log;
end
$$;

comment on function private.log_to_refund(uuid) is
'A log by its id; only its user is known of one that was refunded and has left the logs. Raises '
'PT404 usage_log_not_found.';

create function public.refund_usage(usage_log_id uuid, reason text)
returns public.usage_receipt
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_log public.usage_logs;
  v_turn private.charge_turn;
  v_receipt public.usage_receipt;
  v_answer jsonb;
  v_forgiven numeric;
  v_given numeric;
begin
  perform private.check_text('reason', reason);
  perform private.check_given('reason', reason is not null);
  perform private.check_given('usage_log_id', usage_log_id is not null);
  v_turn := private.lock_credits((private.log_to_refund(usage_log_id)).user_id);
  select r.receipt into v_answer
  from private.usage_refunds as r
  where r.usage_log_id = refund_usage.usage_log_id;
  if found then
    perform private.pass_turn(v_turn);
    return jsonb_populate_record(v_receipt, v_answer);
  end if;
  v_log := private.log_to_refund(usage_log_id);
  v_receipt.lots := private.give_back(v_log, v_turn.at);
  delete from private.overdrafts as o
  where o.usage_log_id = v_log.id
  returning o.credits into v_forgiven;
  v_forgiven := coalesce(v_forgiven, 0);
  select coalesce(sum((l ->> 'credits')::numeric), 0) into v_given
  from jsonb_array_elements(v_receipt.lots) as l;
  v_turn.balance.balance := (v_turn.balance).balance + v_given + v_forgiven;
  v_turn.balance.overdraft := (v_turn.balance).overdraft - v_forgiven;
  v_turn.balance.next_due_at := private.next_expiry_of(v_log.user_id);
  -- A lot that was used up counts again, and more of the balance is low.
  v_turn.balance.low_at := private.next_low(
    (v_turn.balance).told_percent, private.granted_in_live_lots(v_log.user_id)
  );
  v_turn := private.finish_turn(v_turn);
  v_receipt := row(
    v_log.id, v_log.user_id, v_log.thread_id, v_log.credits, v_receipt.lots,
    (v_turn.balance).balance, (v_turn.balance).balance - (v_turn.balance).held, v_turn.version,
    v_log.created_at, v_turn.at
  );
  update public.usage_logs as l set refunded_at = v_turn.at
  where l.id = v_log.id and l.created_at = v_log.created_at;
  insert into private.usage_refunds (usage_log_id, user_id, reason, receipt, created_at)
  values (v_log.id, v_log.user_id, reason, to_jsonb(v_receipt), v_turn.at);
  return v_receipt;
end
$$;

comment on function public.refund_usage(uuid, text) is
'[service] Gives back exactly what a charge burned, to the lots that it burned, once; again it '
'answers the same receipt. A lot that has expired or whose purchase was refunded gets nothing, '
'which the receipt''s `lots` show. What of the charge is still overdrawn is forgiven. Usage totals '
'stay. Raises usage_log_not_found (a log past usage_log_retention too), invalid_argument, '
'payload_too_large. Definer: back ends write no table.';

grant execute on function public.refund_usage(uuid, text) to service_role;
