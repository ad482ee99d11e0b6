-- A user's balance: the row that a charge locks, what time has done to it since it was stored, and
-- what it says now.
--
-- Whatever changes somebody's credits takes its turn with private.lock_credits, which locks the
-- account, reads the clock and books what has become due until then; it ends with
-- private.finish_turn, or private.pass_turn when it changed nothing. What is due follows from
-- stored instants and the plan of now, so a read counts it without booking it, and no answer shows
-- whether anything was booked.

create type private.charge_turn as (
  at timestamptz,
  version bigint,
  balance private.credit_balances,
  is_news boolean
);

comment on type private.charge_turn is
'A turn of somebody whose account is locked for it: the instant that it takes place at, the '
'version of their state and their balance at that instant, and whether time has changed it since '
'they were last told.';

create type private.renewal as (
  balance private.credit_balances,
  granted numeric
);

comment on type private.renewal is
'A balance row in the period of an instant, and what the plan owes for it that the row does not '
'hold yet.';

create type private.booking as (
  balance private.credit_balances,
  lot public.credit_grants
);

comment on type private.booking is
'A lot that was booked, and the balance with it, not stored yet.';

-- What time does to a balance.

create function private.granted_by_plans(user_id text, since timestamptz)
returns numeric
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(max(period.credits), 0)
  from (
    select sum(g.credits) as credits
    from public.credit_grants as g
    where
      g.user_id = granted_by_plans.user_id
      and g.created_at >= since
      and g.source = 'plan'
      and g.priority = 50
      and g.expires_at is not null
    group by g.expires_at
  ) as period;
$$;

comment on function private.granted_by_plans(text, timestamptz) is
'The most that plans granted a user for one period, of those whose grants are no older than this '
'instant. The lots of a period expire with it.';

create function private.renewed(
  balance private.credit_balances,
  anchor timestamptz,
  period interval,
  credits_per_period numeric,
  at timestamptz
)
returns private.renewal
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  -- To the bit: 1 month and 30 days are equal as intervals.
  v_is_another boolean := interval_send(balance.period) <> interval_send(period);
  v_is_over boolean := at >= balance.period_ends_at;
  v_granted numeric := case when v_is_over then 0 else balance.plan_credits end;
begin
  if v_is_over or v_is_another then
    balance.period := period;
    select * into balance.period_started_at, balance.period_ends_at
    from private.period_at(anchor, period, at);
    balance.used := 0;
    if balance.last_used_at >= balance.period_started_at then
      select coalesce(sum(l.credits), 0) into balance.used
      from public.usage_logs as l
      where l.user_id = balance.user_id and l.created_at >= balance.period_started_at;
    end if;
  end if;
  if v_is_another then
    -- Plans of other periods may have had their turn since this one began.
    v_granted := greatest(
      v_granted, private.granted_by_plans(balance.user_id, balance.period_started_at)
    );
  end if;
  balance.plan_credits := greatest(v_granted, credits_per_period);
  return row(balance, balance.plan_credits - v_granted);
end
$$;

comment on function private.renewed(
  private.credit_balances, timestamptz, interval, numeric, timestamptz
) is
'A balance row in the period of an instant, given the anchor and the plan of now, and what the '
'plan owes: all of a new period''s credits, or what a change of plan gives beyond the most that '
'plans granted in this one.';

create function private.no_credits(user_id text)
returns private.credit_balances
language sql
immutable
security invoker
set search_path = ''
as $$
  select row(
    user_id, 0, 0, 0, 'infinity', null, null, '-infinity', 0, 0, null, 0, '-Infinity'
  )::private.credit_balances;
$$;

comment on function private.no_credits(text) is
'The balance row of somebody for whom nothing was ever booked, before its first period.';

create function private.granted_in_live_lots(user_id text)
returns numeric
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select coalesce(sum(g.credits), 0)
    from private.live_lots as l
    inner join public.credit_grants as g on g.id = l.grant_id
    where l.user_id = granted_in_live_lots.user_id
  );
end
$$;

comment on function private.granted_in_live_lots(text) is
'What the lots held at first of which something is left.';

create function private.low_level(balance numeric, granted numeric)
returns integer
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if balance <= 0 then
    return 0;
  end if;
  return (
    select coalesce(min(p.percent), 101)
    from private.settings as s
    cross join lateral unnest(s.low_credit_percents) as p (percent)
    where balance <= 0.01 * p.percent * granted
  );
end
$$;

comment on function private.low_level(numeric, numeric) is
'The least of low_credit_percents that a balance is not above; 0 when nothing is left, 101 when it '
'is above all.';

create function private.next_low(told_percent integer, granted numeric)
returns numeric
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if told_percent = 0 then
    return '-Infinity'::numeric;
  end if;
  return (
    select coalesce(max(0.01 * p.percent * granted), 0)
    from private.settings as s
    cross join lateral unnest(s.low_credit_percents) as p (percent)
    where p.percent < told_percent
  );
end
$$;

comment on function private.next_low(integer, numeric) is
'The balance at which there is something to tell next to somebody who was told of told_percent.';

create function private.rearmed(inout balance private.credit_balances, credits numeric)
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_granted numeric;
begin
  if balance.told_percent = 101 then
    -- However many lots there are, none of them is read.
    balance.low_at := balance.low_at + private.next_low(101, credits);
    return;
  end if;
  v_granted := private.granted_in_live_lots(balance.user_id);
  balance.told_percent := greatest(
    balance.told_percent, private.low_level(balance.balance, v_granted)
  );
  balance.low_at := private.next_low(balance.told_percent, v_granted);
end
$$;

comment on function private.rearmed(private.credit_balances, numeric) is
'A balance that a grant of so many credits has just lifted: what it is above now is told again.';

create function private.tell_of_low_credits(
  inout balance private.credit_balances, at timestamptz
)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_granted numeric := private.granted_in_live_lots(balance.user_id);
  v_owed numeric;
  v_level integer;
  v_details jsonb;
begin
  -- As every read counts what the plan owes, which comes with the next call.
  select r.granted into v_owed
  from public.accounts as a
  inner join public.plans as p on p.id = a.plan_id
  cross join lateral private.renewed(
    balance, a.period_anchor, p.period, p.credits_per_period, at
  ) as r
  where a.user_id = balance.user_id;
  if v_owed > balance.overdraft then
    v_granted := v_granted + v_owed;
  end if;
  v_level := private.low_level(balance.balance + v_owed, v_granted);
  v_details := jsonb_build_object('balance', balance.balance + v_owed, 'granted', v_granted);
  perform private.notify(
    balance.user_id, 'credits_low', concat_ws(':', p.percent, extract(epoch from at)),
    v_details || jsonb_build_object('percent', p.percent), at
  )
  from (
    select distinct unnest(s.low_credit_percents) as percent
    from private.settings as s
    order by percent desc
  ) as p
  where p.percent >= v_level and p.percent < balance.told_percent;
  if v_level = 0 and balance.told_percent > 0 then
    perform private.notify(
      balance.user_id, 'credits_exhausted', extract(epoch from at)::text, v_details, at
    );
  end if;
  balance.told_percent := least(balance.told_percent, v_level);
  balance.low_at := private.next_low(balance.told_percent, v_granted);
end
$$;

comment on function private.tell_of_low_credits(private.credit_balances, timestamptz) is
'Tells a user whose turn it is of each of low_credit_percents that the balance is not above any '
'more, and that nothing is left, each once until a grant lifts it. The balance is returned and not '
'stored.';

create function private.watch_credits(balance private.credit_balances, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  balance := private.tell_of_low_credits(balance, at);
  update private.credit_balances as b
  set told_percent = balance.told_percent, low_at = balance.low_at
  where b.user_id = balance.user_id;
end
$$;

comment on function private.watch_credits(private.credit_balances, timestamptz) is
'private.tell_of_low_credits for a balance that is stored already.';

create function private.add_lot(
  balance private.credit_balances, lot public.credit_grants, at timestamptz
)
returns private.booking
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_paid numeric := least(balance.overdraft, lot.credits);
  v_is_dead boolean := coalesce(lot.expires_at <= at, false);
begin
  lot.id := gen_random_uuid();
  lot.user_id := balance.user_id;
  lot.created_at := at;
  lot.remaining := case when v_is_dead then 0 else lot.credits - v_paid end;
  insert into public.credit_grants select lot.*;
  if v_is_dead then
    insert into public.credit_usage (user_id, grant_id, kind, credits, created_at)
    values (lot.user_id, lot.id, 'expiry', lot.credits, at);
    return row(balance, lot);
  end if;
  if v_paid > 0 then
    perform private.pay_overdrafts(lot, v_paid);
  end if;
  if lot.remaining > 0 then
    insert into private.live_lots (user_id, priority, expires_at, created_at, grant_id)
    values (
      lot.user_id, lot.priority, coalesce(lot.expires_at, 'infinity'), lot.created_at, lot.id
    );
    balance.next_due_at := least(balance.next_due_at, lot.expires_at);
  end if;
  balance.balance := balance.balance + lot.credits;
  balance.overdraft := balance.overdraft - v_paid;
  return row(private.rearmed(balance, lot.credits), lot);
end
$$;

comment on function private.add_lot(
  private.credit_balances, public.credit_grants, timestamptz
) is
'Books a new lot (source, credits, priority, expires_at are given) of a user whose turn it is: it '
'pays what is overdrawn, the rest is there to burn. One that has expired already is booked with '
'its expiry, and pays nothing.';

create function private.pay_overdrafts(lot public.credit_grants, credits numeric)
returns void
language sql
security invoker
set search_path = ''
as $$
  with debts as (
    select
      o.usage_log_id,
      o.credits,
      least(
        o.credits,
        pay_overdrafts.credits
        - (sum(o.credits) over (order by o.created_at, o.usage_log_id) - o.credits)
      ) as paid
    from private.overdrafts as o
    where o.user_id = lot.user_id
  ),

  lines as (
    insert into public.credit_usage (user_id, grant_id, usage_log_id, kind, credits, created_at)
    select lot.user_id, lot.id, d.usage_log_id, 'charge', d.paid, lot.created_at
    from debts as d
    where d.paid > 0
  ),

  settled as (
    delete from private.overdrafts as o
    using debts as d
    where o.usage_log_id = d.usage_log_id and d.paid = d.credits
  )

  update private.overdrafts as o
  set credits = d.credits - d.paid
  from debts as d
  where o.usage_log_id = d.usage_log_id and d.paid > 0 and d.paid < d.credits;
$$;

comment on function private.pay_overdrafts(public.credit_grants, numeric) is
'Pays this much of what is overdrawn with a new lot, the oldest charge first: from now on the lot '
'counts as burned by it.';

create function private.book_expiries(inout balance private.credit_balances, at timestamptz)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_expired numeric;
  v_freed numeric;
begin
  with ended as (
    delete from private.live_lots as l
    where l.user_id = balance.user_id and l.expires_at <= at
    returning l.grant_id
  ),

  emptied as (
    update public.credit_grants as g
    set remaining = 0
    from ended
    inner join public.credit_grants as old on old.id = ended.grant_id
    where g.id = ended.grant_id
    returning old.*
  ),

  lines as (
    insert into public.credit_usage (user_id, grant_id, kind, credits, created_at)
    select e.user_id, e.id, 'expiry', e.remaining, e.expires_at
    from emptied as e
    returning credits
  )

  select coalesce(sum(credits), 0) into v_expired from lines;
  with freed as (
    update public.credit_holds as h
    set status = 'expired'
    where h.user_id = balance.user_id and h.status = 'live' and h.expires_at <= at
    returning h.credits
  )

  select coalesce(sum(credits), 0) into v_freed from freed;
  balance.balance := balance.balance - v_expired;
  balance.held := balance.held - v_freed;
  balance.next_due_at := private.next_expiry_of(balance.user_id);
end
$$;

comment on function private.book_expiries(private.credit_balances, timestamptz) is
'Books the lots and holds of a user that have run out until an instant, each at its own. The '
'balance is returned and not stored.';

create function private.has_run_out(user_id text, at timestamptz)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return exists (
    select
    from private.live_lots as l
    where
      l.user_id = has_run_out.user_id and l.expires_at <= at and l.expires_at < 'infinity'
  ) or exists (
    select
    from public.credit_holds as h
    where h.user_id = has_run_out.user_id and h.status = 'live' and h.expires_at <= at
  );
end
$$;

comment on function private.has_run_out(text, timestamptz) is
'Whether a lot with something left or a hold of a user has run out by an instant and is not '
'booked. A deadline that has passed need not mean so: what it was of may have been used up.';

create function private.next_expiry_of(user_id text)
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select least(
    'infinity',
    (
      select min(l.expires_at)
      from private.live_lots as l
      where l.user_id = next_expiry_of.user_id and l.expires_at < 'infinity'
    ),
    (
      select min(h.expires_at)
      from public.credit_holds as h
      where h.user_id = next_expiry_of.user_id and h.status = 'live'
    )
  );
$$;

comment on function private.next_expiry_of(text) is
'When the first of a user''s lots and holds runs out whose end is not booked; infinity = none.';

create function private.store_balance(inout balance private.credit_balances, at timestamptz)
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_known_due_at timestamptz;
  v_is_new boolean;
begin
  select b.next_due_at into v_known_due_at
  from private.credit_balances as b
  where b.user_id = balance.user_id;
  v_is_new := not found;
  if balance.balance <= balance.low_at then
    balance := private.tell_of_low_credits(balance, at);
  end if;
  if v_is_new then
    insert into private.credit_balances select balance.*;
  else
    update private.credit_balances as b
    set
      balance = store_balance.balance.balance,
      overdraft = store_balance.balance.overdraft,
      held = store_balance.balance.held,
      next_due_at = store_balance.balance.next_due_at,
      period = store_balance.balance.period,
      period_started_at = store_balance.balance.period_started_at,
      period_ends_at = store_balance.balance.period_ends_at,
      plan_credits = store_balance.balance.plan_credits,
      used = store_balance.balance.used,
      last_used_at = store_balance.balance.last_used_at,
      told_percent = store_balance.balance.told_percent,
      low_at = store_balance.balance.low_at
    where b.user_id = store_balance.balance.user_id;
  end if;
  if balance.next_due_at < coalesce(v_known_due_at, 'infinity') then
    perform private.announce_deadline(balance.next_due_at, at);
  end if;
end
$$;

comment on function private.store_balance(private.credit_balances, timestamptz) is
'Writes the balance row of a user whose turn it is, tells the user if it is low, and the worker of '
'a nearer deadline.';

create function private.settle_credits(user_id text, at timestamptz)
returns private.credit_balances
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_balance private.credit_balances;
  v_lot public.credit_grants;
  v_renewed private.renewal;
begin
  select * into v_balance
  from private.credit_balances as b
  where b.user_id = settle_credits.user_id;
  if not found then
    v_balance := private.no_credits(user_id);
  elsif v_balance.next_due_at <= at then
    v_balance := private.book_expiries(v_balance, at);
  end if;
  select r.* into v_renewed
  from public.accounts as a
  inner join public.plans as p on p.id = a.plan_id
  cross join lateral private.renewed(
    v_balance, a.period_anchor, p.period, p.credits_per_period, at
  ) as r
  where a.user_id = settle_credits.user_id;
  v_balance := v_renewed.balance;
  if v_renewed.granted > 0 then
    v_lot.source := 'plan';
    v_lot.credits := v_renewed.granted;
    v_lot.priority := 50;
    v_lot.expires_at := v_balance.period_ends_at;
    v_balance := (private.add_lot(v_balance, v_lot, at)).balance;
  end if;
  return private.store_balance(v_balance, at);
end
$$;

comment on function private.settle_credits(text, timestamptz) is
'Books what has become due for a user whose account is locked: lots and holds that ran out, and '
'what the plan grants for the period or after its change. Answers the balance as it is stored '
'then.';

create function private.lock_credits(user_id text)
returns private.charge_turn
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_account public.accounts;
  v_turn private.charge_turn;
  v_read record;
begin
  -- As few calls as possible, here and in what follows: this is on the path of each charge.
  select * into v_account
  from public.accounts as a
  where a.user_id = lock_credits.user_id
  for no key update;
  if not found then
    perform private.ensure_account(user_id);
    v_account := private.lock_account(user_id);
  end if;
  v_turn.at := greatest(clock_timestamp(), v_account.changed_at + interval '1 microsecond');
  v_turn.version := v_account.version;
  -- After the lock, so that it shows what whoever had it has left.
  select
    b as balance,
    s.user_id is not null as is_session_due,
    b.user_id is null
    or least(b.next_due_at, b.period_ends_at) <= v_turn.at
    or b.plan_credits < p.credits_per_period
    or interval_send(b.period) <> interval_send(p.period) as is_due
  into v_read
  from public.plans as p
  left join private.credit_balances as b on b.user_id = lock_credits.user_id
  left join public.usage_sessions as s
    on
      s.user_id = lock_credits.user_id
      and s.ended_at is null
      and least(s.expires_at, s.cap_at) <= v_turn.at
  where p.id = v_account.plan_id;
  v_turn.balance := v_read.balance;
  if v_read.is_session_due then
    v_turn.version := v_turn.version + private.store_due_end(user_id, v_turn.at);
  end if;
  if v_read.is_due then
    v_turn.is_news := (v_turn.balance).next_due_at <= v_turn.at
      and private.has_run_out(user_id, v_turn.at);
    v_turn.balance := private.settle_credits(user_id, v_turn.at);
  end if;
  return v_turn;
end
$$;

comment on function private.lock_credits(text) is
'Locks a user''s account, made if it is missing, then reads the clock: the instant of the turn, '
'later than the transition before. Stores the end of a metered session and books what of the '
'credits is due until then; neither counts as a transition of the turn.';

create function private.store_due_end(user_id text, at timestamptz)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_session public.usage_sessions;
begin
  select * into v_session
  from public.usage_sessions as s
  where s.user_id = store_due_end.user_id and s.ended_at is null
  for no key update;
  v_session := private.settled(v_session, at);
  if v_session.ended_at is null then
    return 0;
  end if;
  perform private.store_end(v_session, at);
  return 1;
end
$$;

comment on function private.store_due_end(text, timestamptz) is
'Stores the end of the metered session of a user whose account is locked, if it is due; answers '
'by how much that raised the version.';

-- Reading.

create function private.credit_balance_of(
  balance private.credit_balances, granted numeric, version bigint, at timestamptz
)
returns public.credit_balance
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_answer public.credit_balance;
  -- What the plan grants pays what is overdrawn first.
  v_granted_rest numeric := greatest(granted - balance.overdraft, 0);
begin
  v_answer.balance := balance.balance + granted;
  v_answer.held := balance.held;
  if balance.next_due_at <= at then
    select v_answer.balance - coalesce(sum(g.remaining), 0) into v_answer.balance
    from private.live_lots as l
    inner join public.credit_grants as g on g.id = l.grant_id
    where l.user_id = balance.user_id and l.expires_at <= at;
    select v_answer.held - coalesce(sum(h.credits), 0) into v_answer.held
    from public.credit_holds as h
    where h.user_id = balance.user_id and h.status = 'live' and h.expires_at <= at;
  end if;
  v_answer.available := v_answer.balance - v_answer.held;
  if balance.next_due_at < 'infinity' then
    -- Of both the index has only what is finite: however many lots there are, it looks at these.
    select l.expires_at, sum(g.remaining) into v_answer.expires_next_at, v_answer.expiring_next
    from (
      select n.expires_at
      from private.live_lots as n
      where n.user_id = balance.user_id and n.expires_at > at and n.expires_at < 'infinity'
      order by n.expires_at
      limit 1
    ) as next
    inner join private.live_lots as l
      on
        l.user_id = balance.user_id
        and l.expires_at = next.expires_at
        and l.expires_at < 'infinity'
    inner join public.credit_grants as g on g.id = l.grant_id
    group by l.expires_at;
  end if;
  if v_granted_rest > 0 and v_answer.expires_next_at = balance.period_ends_at then
    v_answer.expiring_next := v_answer.expiring_next + v_granted_rest;
  elsif
    v_granted_rest > 0
    and coalesce(v_answer.expires_next_at, 'infinity') > balance.period_ends_at
  then
    v_answer.expires_next_at := balance.period_ends_at;
    v_answer.expiring_next := v_granted_rest;
  end if;
  v_answer.expiring_next := coalesce(v_answer.expiring_next, 0);
  v_answer.used_this_period := balance.used;
  v_answer.version := version;
  return v_answer;
end
$$;

comment on function private.credit_balance_of(
  private.credit_balances, numeric, bigint, timestamptz
) is
'Composes the answer from a balance row of the period of an instant and what the plan still owes '
'for it. Lots and holds that have run out by then count no more, booked or not.';

create function private.credit_balance_at(user_id text, at timestamptz)
returns public.credit_balance
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_read record;
  v_renewed private.renewal;
  v_at timestamptz;
begin
  select
    b as balance, a.version, a.changed_at, a.period_anchor, p.period, p.credits_per_period,
    least(s.expires_at, s.cap_at) as session_ends_at
  into v_read
  from public.accounts as a
  inner join public.plans as p on p.id = a.plan_id
  left join private.credit_balances as b on b.user_id = a.user_id
  left join public.usage_sessions as s on s.user_id = a.user_id and s.ended_at is null
  where a.user_id = credit_balance_at.user_id;
  if not found then
    select
      null::private.credit_balances as balance, 0::bigint as version, at as changed_at,
      at as period_anchor, p.period, p.credits_per_period, null::timestamptz as session_ends_at
    into v_read
    from public.plans as p
    where p.is_default;
  end if;
  -- As the next turn would: not before the last one, should the clock have been set back.
  v_at := greatest(at, v_read.changed_at);
  v_renewed := private.renewed(
    coalesce(v_read.balance, private.no_credits(user_id)),
    v_read.period_anchor, v_read.period, v_read.credits_per_period, v_at
  );
  return private.credit_balance_of(
    v_renewed.balance,
    v_renewed.granted,
    v_read.version + case when v_read.session_ends_at <= at then 1 else 0 end,
    v_at
  );
end
$$;

comment on function private.credit_balance_at(text, timestamptz) is
'A user''s credits at an instant, from what is stored and nothing else. What is due and not booked '
'is counted: lots and holds that ran out, what the plan grants, and in the version the end of a '
'metered session. Who has no account yet has what a new one on the default plan has.';

create function private.send_credits(
  user_id text, balance public.credit_balance, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform realtime.send(
    jsonb_build_object('version', balance.version, 'at', at, 'balance', to_jsonb(balance)),
    'credits:changed',
    'user:' || user_id,
    true
  );
end
$$;

comment on function private.send_credits(text, public.credit_balance, timestamptz) is
'Sends credits:changed with a balance that is known to the user''s topic.';

create function private.announce_credits(user_id text, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.send_credits(user_id, private.credit_balance_at(user_id, at), at);
end
$$;

comment on function private.announce_credits(text, timestamptz) is
'Sends credits:changed with the whole balance to the user''s topic.';

create function private.finish_turn(turn private.charge_turn)
returns private.charge_turn
language plpgsql
security invoker
set search_path = ''
as $$
begin
  perform private.store_balance(turn.balance, turn.at);
  perform private.record_transition((turn.balance).user_id, turn.at);
  turn.version := turn.version + 1;
  perform private.send_credits(
    (turn.balance).user_id,
    private.credit_balance_of(turn.balance, 0, turn.version, turn.at),
    turn.at
  );
  return turn;
end
$$;

comment on function private.finish_turn(private.charge_turn) is
'Stores what a turn has made of a balance, counts it as a transition and tells the user. Answers '
'the turn with its new version.';

create function private.pass_turn(turn private.charge_turn)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  if turn.is_news then
    perform private.announce_credits((turn.balance).user_id, turn.at);
  end if;
end
$$;

comment on function private.pass_turn(private.charge_turn) is
'Ends a turn that changed nothing: tells the user what time alone has done, if that was booked.';

create function public.get_credit_balance()
returns public.credit_balance
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return private.credit_balance_at(private.caller_id(), clock_timestamp());
end
$$;

comment on function public.get_credit_balance() is
'[user] The caller''s credits now; writes nothing. balance is negative while overdrawn; available '
'is the balance less live holds; expires_next_at is null when nothing expires. Raises '
'not_signed_in. Definer: reads what nobody may.';

grant execute on function public.get_credit_balance() to authenticated, service_role;
