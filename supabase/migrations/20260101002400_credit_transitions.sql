-- Transitions of credits that charge nothing: grants, holds, their release, and the sweep.

create function public.grant_credits(
  user_id text,
  credits numeric,
  source text default 'adjustment',
  expires_at timestamptz default null,
  priority integer default 100,
  idempotency_key text default null
)
returns public.credit_grants
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- What never expires has one spelling.
  v_expires_at timestamptz := nullif(expires_at, 'infinity');
  v_turn private.charge_turn;
  v_lot public.credit_grants;
  v_booking private.booking;
  v_hash bigint;
  v_answer jsonb;
begin
  perform private.check_user_id('user_id', user_id);
  perform private.check_amount('credits', credits, false);
  perform private.check_name('source', source);
  perform private.check_given('priority', priority is not null);
  perform private.check_text('idempotency_key', idempotency_key);
  v_hash := private.request_hash('grant_credits', jsonb_build_object(
    'credits', credits, 'source', source, 'expires_at', extract(epoch from v_expires_at),
    'priority', priority
  ));
  v_turn := private.lock_credits(user_id);
  v_answer := private.first_answer(user_id, idempotency_key, v_hash, v_turn.at);
  if v_answer is not null then
    perform private.pass_turn(v_turn);
    return jsonb_populate_record(v_lot, v_answer);
  end if;
  if v_expires_at <= v_turn.at then
    perform private.raise_invalid_argument('expires_at', 'is in the past');
  end if;
  v_lot.source := source;
  v_lot.credits := credits;
  v_lot.priority := priority;
  v_lot.expires_at := v_expires_at;
  v_booking := private.add_lot(v_turn.balance, v_lot, v_turn.at);
  v_turn.balance := v_booking.balance;
  v_lot := v_booking.lot;
  perform private.finish_turn(v_turn);
  perform private.remember_answer(
    user_id, idempotency_key, v_hash, to_jsonb(v_lot), v_turn.at
  );
  return v_lot;
end
$$;

comment on function public.grant_credits(text, numeric, text, timestamptz, integer, text) is
'[service] Grants a lot of credits, which pays an overdraft at once. Burn order: lowest priority '
'number, earliest expiry (null, never, last), oldest, id. The same idempotency_key again answers '
'the first lot. Raises idempotency_conflict, invalid_argument, payload_too_large. Definer: back '
'ends write no table.';

grant execute on function public.grant_credits(
  text, numeric, text, timestamptz, integer, text
) to service_role;

create function private.raise_insufficient_credits(needed numeric, available numeric)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT402' using
    message = 'insufficient_credits',
    detail = format('Needed: %s, available: %s.', needed, available),
    hint = 'Grant or buy credits first.';
end
$$;

comment on function private.raise_insufficient_credits(numeric, numeric) is
'Raises PT402 insufficient_credits; the detail has both amounts.';

create function private.raise_hold_not_found()
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  raise sqlstate 'PT404' using
    message = 'hold_not_found',
    detail = 'There is no hold with this id.',
    hint = 'Use the id that hold_credits answered, and the user whom it was for.';
end
$$;

comment on function private.raise_hold_not_found() is
'Raises PT404 hold_not_found: the same for an unknown id and for another user''s.';

create function public.hold_credits(
  user_id text,
  credits numeric,
  ttl interval default '15 minutes',
  idempotency_key text default null
)
returns public.credit_holds
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_turn private.charge_turn;
  v_hold public.credit_holds;
  v_hash bigint;
  v_answer jsonb;
begin
  perform private.check_user_id('user_id', user_id);
  perform private.check_amount('credits', credits, false);
  if private.is_duration(ttl) is not true then
    perform private.raise_invalid_argument('ttl', 'has to be a duration of up to a century');
  end if;
  perform private.check_text('idempotency_key', idempotency_key);
  v_hash := private.request_hash('hold_credits', jsonb_build_object(
    'credits', credits, 'ttl', extract(epoch from ttl)
  ));
  v_turn := private.lock_credits(user_id);
  v_answer := private.first_answer(user_id, idempotency_key, v_hash, v_turn.at);
  if v_answer is not null then
    perform private.pass_turn(v_turn);
    return jsonb_populate_record(v_hold, v_answer);
  end if;
  if credits > (v_turn.balance).balance - (v_turn.balance).held then
    perform private.raise_insufficient_credits(
      credits, (v_turn.balance).balance - (v_turn.balance).held
    );
  end if;
  insert into public.credit_holds (user_id, credits, expires_at, created_at)
  values (user_id, credits, private.later(v_turn.at, ttl), v_turn.at)
  returning * into v_hold;
  v_turn.balance.held := (v_turn.balance).held + credits;
  v_turn.balance.next_due_at := least((v_turn.balance).next_due_at, v_hold.expires_at);
  perform private.finish_turn(v_turn);
  perform private.remember_answer(
    user_id, idempotency_key, v_hash, to_jsonb(v_hold), v_turn.at
  );
  return v_hold;
end
$$;

comment on function public.hold_credits(text, numeric, interval, text) is
'[service] Reserves credits for work that is about to start: they are not available to anything '
'else until record_usage settles the hold, release_hold releases it or `ttl` has passed. The same '
'idempotency_key again answers the hold as it was made. Raises insufficient_credits, '
'idempotency_conflict, invalid_argument, payload_too_large. Definer: back ends write no table.';

grant execute on function public.hold_credits(text, numeric, interval, text) to service_role;

create function public.release_hold(hold_id uuid)
returns public.credit_holds
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_hold public.credit_holds;
  v_turn private.charge_turn;
begin
  perform private.check_given('hold_id', hold_id is not null);
  select * into v_hold from public.credit_holds as h where h.id = hold_id;
  if not found then
    perform private.raise_hold_not_found();
  end if;
  v_turn := private.lock_credits(v_hold.user_id);
  -- One that has run out is stored as expired by now.
  update public.credit_holds as h
  set status = 'released'
  where h.id = hold_id and h.status = 'live'
  returning * into v_hold;
  if found then
    v_turn.balance.held := (v_turn.balance).held - v_hold.credits;
    perform private.finish_turn(v_turn);
  else
    perform private.pass_turn(v_turn);
    select * into v_hold from public.credit_holds as h where h.id = hold_id;
    if not found then
      perform private.raise_hold_not_found(); -- Erased while this waited.
    end if;
  end if;
  return v_hold;
end
$$;

comment on function public.release_hold(uuid) is
'[service] Frees what a live hold reserves. One that was settled, released or ran out is answered '
'as it is and nothing changes. Raises hold_not_found, invalid_argument. Definer: back ends write '
'no table.';

grant execute on function public.release_hold(uuid) to service_role;

-- A change of plan.

create function private.settle_before_another_plan()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_at timestamptz := private.next_instant(old.changed_at);
  v_is_news boolean := private.has_run_out(old.user_id, v_at);
begin
  perform private.settle_credits(old.user_id, v_at);
  if v_is_news then
    perform private.announce_credits(old.user_id, v_at);
  end if;
  return new;
end
$$;

comment on function private.settle_before_another_plan() is
'Trigger: what an account''s plan owes by now is granted before it has another. Definer: whoever '
'may change the plan need not be able to write credits.';

create trigger accounts_settle_before_another_plan
before update of plan_id on public.accounts
for each row when (old.plan_id is distinct from new.plan_id)
execute function private.settle_before_another_plan();

create function private.grant_what_another_plan_gives()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- The instant of the transition that the change of plan was.
  v_at timestamptz := (private.lock_account(new.user_id)).changed_at;
  v_former numeric := (
    select b.balance from private.credit_balances as b where b.user_id = new.user_id
  );
  v_balance private.credit_balances := private.settle_credits(new.user_id, v_at);
begin
  if v_balance.balance <> v_former then
    perform private.announce_credits(new.user_id, v_at);
  end if;
  return null;
end
$$;

comment on function private.grant_what_another_plan_gives() is
'Trigger: grants what an account''s new plan gives beyond the most that plans granted in the '
'period, and tells the user. Definer: as before the change.';

create trigger accounts_grant_what_another_plan_gives
after update of plan_id on public.accounts
for each row when (old.plan_id is distinct from new.plan_id)
execute function private.grant_what_another_plan_gives();

-- The sweep.

create function private.expire_due_credits(
  batch integer default 1000, out done_count integer, out next_deadline_at timestamptz
)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_stored private.credit_balances;
  v_balance private.credit_balances;
  v_account public.accounts;
  -- What changes within a statement no index can be asked for.
  v_now timestamptz := clock_timestamp();
  v_at timestamptz;
begin
  done_count := 0;
  for v_stored in
    select b.*
    from private.credit_balances as b
    where b.next_due_at <= v_now
    order by b.next_due_at
    limit batch
    for no key update skip locked
  loop
    -- The other way round than everybody else, and so without ever waiting.
    select * into v_account
    from public.accounts as a
    where a.user_id = v_stored.user_id
    for no key update skip locked;
    continue when not found;
    v_at := private.next_instant(v_account.changed_at);
    v_balance := private.book_expiries(v_stored, v_at);
    perform private.store_balance(v_balance, v_at);
    if (v_balance.balance, v_balance.held) <> (v_stored.balance, v_stored.held) then
      perform private.announce_credits(v_stored.user_id, v_at);
    end if;
    done_count := done_count + 1;
  end loop;
  select min(b.next_due_at) into next_deadline_at
  from private.credit_balances as b
  where b.next_due_at < 'infinity';
end
$$;

comment on function private.expire_due_credits(integer) is
'Sweep: books the lots and holds that have run out of up to `batch` users, the most overdue first, '
'and tells them. Grants no plan credits: those come with the first call in a period. Idempotent; '
'skips what somebody else has locked. Answers how many users it visited and the next deadline: one '
'in the past means that there is more to do.';
