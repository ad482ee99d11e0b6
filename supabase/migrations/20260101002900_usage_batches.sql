-- Many charges in one call: what record_usage does for one, set by set for up to 1,000, so that a
-- queue of usage costs little more than its rows.
--
-- A batch is the same as its entries called one by one in their order, at one instant per user: the
-- same receipts, lots, keys and refusals. But it is one transition per user, and all or nothing.

-- Weighing: what each entry does once those before it are done.

create function private.look_up(inout charges private.batch_charge[], turns private.charge_turn[])
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_found record;
begin
  for v_found in
    select
      n as position,
      c.model,
      c.credits is null as is_priced,
      trim_scale(0.001 * (
        c.prompt_tokens * r.prompt_credits_per_1k
        + c.completion_tokens * r.completion_credits_per_1k
      )) as price,
      c.hold_id is not null as has_hold,
      h.id as hold_id,
      -- The first that names a hold settles it.
      h.status = 'live'
      and h.expires_at > t.at
      and row_number() over (partition by c.hold_id order by n) = 1 as is_live,
      h.credits as held
    from generate_subscripts(charges, 1) as n
    cross join lateral (
      select (charges[n]).*
      offset 0
    ) as c
    inner join unnest(turns) as t on (t.balance).user_id = c.user_id
    left join lateral (
      select m.prompt_credits_per_1k, m.completion_credits_per_1k
      from public.model_rates as m
      where m.model = c.model and m.effective_from <= t.at
      order by m.effective_from desc
      limit 1
    ) as r on c.credits is null
    left join public.credit_holds as h on h.id = c.hold_id and h.user_id = c.user_id
    where c.credits is null or c.hold_id is not null
    order by n
  loop
    if v_found.is_priced and v_found.price is null then
      perform private.raise_rate_not_found(v_found.model);
    elsif v_found.has_hold and v_found.hold_id is null then
      perform private.raise_hold_not_found();
    elsif v_found.is_priced then
      charges[v_found.position].credits := v_found.price;
    end if;
    if v_found.is_live then
      charges[v_found.position].settled := v_found.held;
    end if;
  end loop;
end
$$;

comment on function private.look_up(private.batch_charge[], private.charge_turn[]) is
'The charges with the prices of their models and the live holds that they settle. Raises PT404 '
'rate_not_found, hold_not_found.';

create function private.weigh_charges(
  charges private.batch_charge[], turns private.charge_turn[]
)
returns private.batch_charge[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  -- In order, so that of the charges of one instant the later has the greater id.
  v_ids uuid[] := array(
    select gen_random_uuid() as id from generate_series(1, cardinality(charges)) order by id
  );
begin
  return array(
    select
      row(
        w.number, w.user_id, w.credits, w.model, w.prompt_tokens, w.completion_tokens,
        w.thread_id, w.kind, w.metadata, w.idempotency_key, w.hold_id, w.overdraft,
        w.request_hash, w.settled,
        case
          when w.overdraft then null
          when w.hold_id is not null and w.settled = 0 then 'hold_closed'
          when w.credits > w.settled and w.balance < w.held then 'insufficient_credits'
        end,
        v_ids[w.position], w.turn_at, w.spent,
        greatest(w.spent - greatest(w.spent - w.credits, w.lots), 0),
        w.balance, w.balance - w.held, w.version
      )::private.batch_charge
    from (
      select
        c.number, c.user_id, c.credits, c.model, c.prompt_tokens, c.completion_tokens,
        c.thread_id, c.kind, c.metadata, c.idempotency_key, c.hold_id, c.overdraft,
        c.request_hash, c.settled,
        t.at as turn_at,
        t.version + 1 as version,
        (t.balance).balance + (t.balance).overdraft as lots,
        row_number() over (order by c.user_id, c.number) as position,
        sum(c.credits) over until_here as spent,
        (t.balance).balance - sum(c.credits) over until_here as balance,
        (t.balance).held - sum(c.settled) over until_here as held
      from private.each_charge(charges) as c
      inner join unnest(turns) as t on (t.balance).user_id = c.user_id
      window until_here as (partition by c.user_id order by c.number rows unbounded preceding)
    ) as w
    order by w.number
  );
end
$$;

comment on function private.weigh_charges(private.batch_charge[], private.charge_turn[]) is
'The charges with what each of them does, those before it in the batch being done.';

create function private.refuse_charges(charges private.batch_charge[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_refused record;
begin
  select c.hold_id, c.credits, c.available, c.refusal into v_refused
  from unnest(charges) as c
  where c.refusal is not null
  order by c.number
  limit 1;
  if v_refused.refusal = 'hold_closed' then
    perform private.raise_hold_closed(
      -- One that is live still was settled by an entry before.
      case h.status when 'live' then 'settled' else h.status end
    )
    from public.credit_holds as h
    where h.id = v_refused.hold_id;
  elsif v_refused.refusal = 'insufficient_credits' then
    perform private.raise_insufficient_credits(
      v_refused.credits, v_refused.available + v_refused.credits
    );
  end if;
end
$$;

comment on function private.refuse_charges(private.batch_charge[]) is
'Raises what the first charge that is refused is refused for: PT409 hold_closed, PT402 '
'insufficient_credits.';

create function private.burned_lots(
  charges private.batch_charge[], turns private.charge_turn[]
)
returns private.batch_line[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  -- Side by side: the charges of a user end to end, and their lots in the order that they burn in.
  -- A charge burns the lots that it lies over.
  return array(
    with lot as (
      select
        l.user_id,
        l.grant_id,
        row_number() over burning as position,
        sum(g.remaining) over burning - g.remaining as since,
        sum(g.remaining) over burning as until
      from unnest(turns) as t
      inner join private.live_lots as l on l.user_id = (t.balance).user_id
      inner join public.credit_grants as g on g.id = l.grant_id
      window burning as (
        partition by l.user_id order by l.priority, l.expires_at, l.created_at, l.grant_id
        rows unbounded preceding
      )
    )

    select
      row(
        c.number, lot.position, c.user_id, c.usage_log_id, lot.grant_id,
        least(c.spent, lot.until) - greatest(c.spent - c.credits, lot.since), c.at
      )::private.batch_line
    from private.each_charge(charges) as c
    inner join lot
      on lot.user_id = c.user_id and lot.since < c.spent and lot.until > c.spent - c.credits
    where c.credits > 0
    order by c.number, lot.position
  );
end
$$;

comment on function private.burned_lots(private.batch_charge[], private.charge_turn[]) is
'Which lots the weighed charges of a batch burn, and how much of each.';

-- Booking.

create function private.book_logs(charges private.batch_charge[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into public.usage_logs (
    id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata,
    created_at
  )
  select
    c.usage_log_id, c.user_id, c.thread_id, c.kind, c.model, c.prompt_tokens, c.completion_tokens,
    c.credits, c.metadata, c.at
  from unnest(charges) as c
  -- User by user, as the indexes have them.
  order by c.usage_log_id;
  insert into private.thread_totals as t (
    user_id, thread_id, credits, prompt_tokens, completion_tokens, requests, last_used_at
  )
  select
    c.user_id, c.thread_id, sum(c.credits), sum(c.prompt_tokens), sum(c.completion_tokens),
    count(*), max(c.at)
  from unnest(charges) as c
  where c.thread_id is not null
  group by c.user_id, c.thread_id
  on conflict on constraint thread_totals_pkey do update
  set
    credits = t.credits + excluded.credits,
    prompt_tokens = t.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = t.completion_tokens + excluded.completion_tokens,
    requests = t.requests + excluded.requests,
    last_used_at = excluded.last_used_at;
end
$$;

comment on function private.book_logs(private.batch_charge[]) is
'Writes the usage logs of weighed charges and adds them to the totals of their threads.';

create function private.book_lines(lines private.batch_line[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into public.credit_usage (user_id, grant_id, usage_log_id, kind, credits, created_at)
  select l.user_id, l.grant_id, l.usage_log_id, 'charge', l.credits, l.at
  from unnest(lines) as l
  order by l.usage_log_id, l.position;
  with burned as (
    update public.credit_grants as g
    set remaining = g.remaining - b.credits
    from (
      select l.grant_id, sum(l.credits) as credits from unnest(lines) as l group by l.grant_id
    ) as b
    where g.id = b.grant_id
    returning g.id, g.remaining
  )

  delete from private.live_lots as l
  using burned as b
  where l.grant_id = b.id and b.remaining = 0;
end
$$;

comment on function private.book_lines(private.batch_line[]) is
'Writes what a batch burns: the ledger lines, what is left of the lots, which of them are live.';

create function private.book_balances(charges private.batch_charge[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into private.overdrafts (usage_log_id, user_id, credits, created_at)
  select c.usage_log_id, c.user_id, c.overdrawn, c.at
  from unnest(charges) as c
  where c.overdrawn > 0;
  update public.credit_holds as h
  set status = 'settled'
  from unnest(charges) as c
  where h.id = c.hold_id and c.settled > 0;
  with total as (
    select
      c.user_id,
      c.at,
      c.version,
      sum(c.credits) as spent,
      sum(c.settled) as settled,
      sum(c.overdrawn) as overdrawn
    from unnest(charges) as c
    group by c.user_id, c.at, c.version
  ),

  balances as (
    update private.credit_balances as b
    set
      balance = b.balance - t.spent,
      overdraft = b.overdraft + t.overdrawn,
      held = b.held - t.settled,
      used = b.used + t.spent,
      last_used_at = t.at
    from total as t
    where b.user_id = t.user_id
  )

  update public.accounts as a
  set version = t.version, changed_at = t.at
  from total as t
  where a.user_id = t.user_id;
  perform private.watch_credits(b, t.at)
  from (select distinct c.user_id, c.at from unnest(charges) as c) as t
  inner join private.credit_balances as b on b.user_id = t.user_id
  where b.balance <= b.low_at;
end
$$;

comment on function private.book_balances(private.batch_charge[]) is
'Takes the charges of a batch from the balances of their users, whom it tells if one is low, and '
'settles their holds: one transition of each user.';

-- Answers.

create function private.batch_receipts(
  charges private.batch_charge[], lines private.batch_line[]
)
returns public.usage_receipt[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return array(
    select
      row(
        c.usage_log_id, c.user_id, c.thread_id, c.credits, coalesce(l.lots, '[]'), c.balance,
        c.available, c.version, c.at, null
      )::public.usage_receipt
    from private.each_charge(charges) as c
    left join (
      select
        line.number,
        jsonb_agg(jsonb_build_object('grant_id', line.grant_id, 'credits', line.credits)) as lots
      from (
        select * from private.each_line(lines) as l order by l.number, l.position
      ) as line
      group by line.number
    ) as l on l.number = c.number
    order by c.number
  );
end
$$;

comment on function private.batch_receipts(private.batch_charge[], private.batch_line[]) is
'The receipts of the charges of a batch, in their order.';

create function private.remember_receipts(
  charges private.batch_charge[], receipts public.usage_receipt[]
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  insert into private.idempotency_keys as k (user_id, key, request_hash, answer, created_at)
  select
    (charges[n]).user_id, (charges[n]).idempotency_key, (charges[n]).request_hash,
    to_jsonb(receipts[n]), (charges[n]).at
  from generate_subscripts(charges, 1) as n
  where (charges[n]).idempotency_key is not null
  on conflict on constraint idempotency_keys_pkey do update
  set
    request_hash = excluded.request_hash,
    answer = excluded.answer,
    created_at = excluded.created_at;
end
$$;

comment on function private.remember_receipts(
  private.batch_charge[], public.usage_receipt[]
) is
'private.remember_answer for the charges of a batch that have a key.';

create function private.announce_batch(
  turns private.charge_turn[], receipts public.usage_receipt[]
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.send_credits(
    b.user_id, private.credit_balance_of(b, 0, t.version + 1, t.at), t.at
  )
  from unnest(turns) as t
  inner join private.credit_balances as b on b.user_id = (t.balance).user_id;
  perform private.announce_usage_logged(
    receipts[l.last_position],
    case
      when t.thread_id is not null then row(
        t.thread_id, t.credits, t.prompt_tokens, t.completion_tokens,
        t.prompt_tokens + t.completion_tokens, t.requests, t.last_used_at
      )::public.thread_usage
    end,
    l.log_count
  )
  from (
    select
      (receipts[n]).user_id, (receipts[n]).thread_id, max(n) as last_position, count(*) as log_count
    from generate_subscripts(receipts, 1) as n
    group by (receipts[n]).user_id, (receipts[n]).thread_id
  ) as l
  left join private.thread_totals as t
    on t.user_id = l.user_id and t.thread_digest = private.digest(l.thread_id);
end
$$;

comment on function private.announce_batch(
  private.charge_turn[], public.usage_receipt[]
) is
'Sends credits:changed to each user whose turn it was and usage:logged for each of their threads, '
'with its last log.';

-- The whole.

create function private.charge_batch(
  charges private.batch_charge[], turns private.charge_turn[]
)
returns public.usage_receipt[]
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_charges private.batch_charge[] := charges;
  v_lines private.batch_line[];
  v_receipts public.usage_receipt[];
begin
  if cardinality(charges) = 0 then
    return array[]::public.usage_receipt[];
  end if;
  if exists (
    select from unnest(charges) as c where c.credits is null or c.hold_id is not null
  ) then
    v_charges := private.look_up(v_charges, turns);
  end if;
  v_charges := private.weigh_charges(v_charges, turns);
  perform private.refuse_charges(v_charges);
  v_lines := private.burned_lots(v_charges, turns);
  v_receipts := private.batch_receipts(v_charges, v_lines);
  perform private.book_logs(v_charges);
  perform private.book_lines(v_lines);
  perform private.book_balances(v_charges);
  perform private.remember_receipts(v_charges, v_receipts);
  perform private.announce_batch(turns, v_receipts), private.hint_usage_changed();
  return v_receipts;
end
$$;

comment on function private.charge_batch(private.batch_charge[], private.charge_turn[]) is
'Charges entries none of which was charged before, in the turns of exactly their users. Answers '
'their receipts, in their order.';

create function private.charge_rest_of_batch(
  charges private.batch_charge[], turns private.charge_turn[], repeated integer[]
)
returns setof public.usage_receipt
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_new private.batch_charge[] := array(
    select c
    from unnest(charges) as c
    where c.number not in (select n from unnest(repeated) as n)
  );
  v_turns private.charge_turn[] := array(
    select t
    from unnest(turns) as t
    where (t.balance).user_id in (select c.user_id from unnest(v_new) as c)
  );
  v_receipts public.usage_receipt[] := private.charge_batch(v_new, v_turns);
begin
  perform private.pass_turn(t)
  from unnest(turns) as t
  where (t.balance).user_id not in (select (n.balance).user_id from unnest(v_turns) as n);
  return query
  select (answer.receipt).*
  from (
    select (v_new[n]).number as number, v_receipts[n] as receipt
    from generate_subscripts(v_new, 1) as n
    union all
    select r.number, jsonb_populate_record(null::public.usage_receipt, k.answer)
    from private.each_charge(charges) as r
    inner join private.idempotency_keys as k
      on k.user_id = r.user_id and k.key_digest = private.digest(r.idempotency_key)
    where r.number in (select n from unnest(repeated) as n)
  ) as answer
  order by answer.number;
end
$$;

comment on function private.charge_rest_of_batch(
  private.batch_charge[], private.charge_turn[], integer[]
) is
'Charges the entries of a batch that are no repetitions. Answers the receipts of all in their '
'order, of the repeated ones the first.';

create function public.record_usage_batch(entries jsonb)
returns setof public.usage_receipt
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_charges private.batch_charge[] := private.usage_entries(entries);
  v_turns private.charge_turn[] := private.lock_credits_of(
    array(select distinct c.user_id from unnest(v_charges) as c)
  );
  v_repeated integer[];
begin
  if cardinality(v_charges) = 0 then
    return;
  end if;
  if jsonb_path_exists(entries, '$[*].idempotency_key') then
    v_repeated := private.repeated_numbers(v_charges, v_turns);
  end if;
  if v_repeated is null then
    return query select * from unnest(private.charge_batch(v_charges, v_turns));
  else
    return query select * from private.charge_rest_of_batch(v_charges, v_turns, v_repeated);
  end if;
end
$$;

comment on function public.record_usage_batch(jsonb) is
'[service] Records up to 1,000 usages at once: an array of objects with the arguments of '
'record_usage, for any users. The same as one call for each, in their order, but all or nothing, '
'and one transition for each user. Answers their receipts in the order of the entries; an entry '
'whose idempotency_key was used before, in the batch too, is answered its first receipt. Raises '
'what record_usage raises, payload_too_large for more than 1,000. Definer: back ends write no '
'table.';

grant execute on function public.record_usage_batch(jsonb) to service_role;
