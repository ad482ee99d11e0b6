-- Purchases: a small state machine that the webhooks of a payment provider drive, which come twice
-- and in any order. Its states are in an order, and it only moves forward.

create function private.check_purchase(
  credits numeric, amount numeric, currency text, provider text, provider_ref text, status text
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_text('currency', currency);
  perform private.check_text('status', status);
  perform private.check_name('provider', provider);
  perform private.check_name('provider_ref', provider_ref);
  perform private.check_amount('credits', credits, false);
  perform private.check_amount('amount', amount, true);
  if (currency ~ '^[A-Z]{3}$') is not true then
    perform private.raise_invalid_argument('currency', 'has to be three capital letters');
  elsif (status in ('pending', 'failed', 'completed', 'refunded')) is not true then
    perform private.raise_invalid_argument(
      'status', 'has to be pending, failed, completed or refunded'
    );
  end if;
end
$$;

comment on function private.check_purchase(numeric, numeric, text, text, text, text) is
'Raises PT422 invalid_argument or PT413 payload_too_large for what cannot be a purchase.';

create function private.check_same_purchase(
  known public.credit_purchases, given public.credit_purchases, is_amount_compared boolean
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if
    (known.user_id, known.credits, known.currency)
    <> (given.user_id, given.credits, given.currency)
    or (is_amount_compared and known.amount <> given.amount)
  then
    raise sqlstate 'PT409' using
      message = 'idempotency_conflict',
      detail = 'This reference belongs to another purchase.',
      hint = 'One reference of a provider is one user, credits, amount and currency.';
  end if;
end
$$;

comment on function private.check_same_purchase(
  public.credit_purchases, public.credit_purchases, boolean
) is
'Raises PT409 idempotency_conflict for a webhook that is not of the purchase that its reference '
'names. The amount is compared unless it is a refunded sum or not known yet.';

create function private.announce_purchase_change(
  purchase public.credit_purchases, at timestamptz
)
returns void
language sql
security invoker
set search_path = ''
as $$
  select realtime.send(
    jsonb_build_object('at', at, 'purchase_id', purchase.id, 'status', purchase.status),
    'purchase:changed',
    'admin:usage',
    true
  );
$$;

comment on function private.announce_purchase_change(public.credit_purchases, timestamptz) is
'Tells the administrators that a purchase was completed or refunded.';

create function private.announce_completion(
  purchase public.credit_purchases, version bigint, at timestamptz
)
returns void
language sql
security invoker
set search_path = ''
as $$
  select realtime.send(
    jsonb_build_object(
      'version', version,
      'at', at,
      'purchase_id', purchase.id,
      'credits', purchase.credits,
      'amount', purchase.amount,
      'currency', purchase.currency
    ),
    'purchase:completed',
    'user:' || purchase.user_id,
    true
  );
$$;

comment on function private.announce_completion(
  public.credit_purchases, bigint, timestamptz
) is
'Tells a user that a purchase of theirs was completed.';

create function private.complete_purchase(
  turn private.charge_turn, purchase public.credit_purchases, expires_at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_lot public.credit_grants;
  v_booking private.booking;
begin
  v_lot.source := 'purchase';
  v_lot.credits := purchase.credits;
  v_lot.priority := 100;
  v_lot.expires_at := expires_at;
  v_booking := private.add_lot(turn.balance, v_lot, turn.at);
  turn.balance := v_booking.balance;
  update private.purchase_lots as o
  set grant_id = (v_booking.lot).id
  where o.purchase_id = purchase.id;
  turn := private.finish_turn(turn);
  perform private.announce_completion(purchase, turn.version, turn.at);
  perform private.notify(
    purchase.user_id, 'purchase_completed', purchase.id::text,
    jsonb_build_object(
      'purchase_id', purchase.id,
      'credits', purchase.credits,
      'amount', purchase.amount,
      'currency', purchase.currency
    ),
    turn.at
  );
end
$$;

comment on function private.complete_purchase(
  private.charge_turn, public.credit_purchases, timestamptz
) is
'Grants the lot of a purchase that is paid now, and tells the user.';

create function private.taken_back(
  unspent numeric, taken numeric, refunded numeric, amount numeric
)
returns numeric
language sql
immutable
security invoker
set search_path = ''
as $$
  select case
    when refunded >= amount then unspent
    -- A quotient in whole units, as any other would round.
    else least(
      unspent,
      greatest(
        trim_scale(div((unspent + taken) * refunded * 1e12, amount) * 1e-12) - taken, 0
      )
    )
  end;
$$;

comment on function private.taken_back(numeric, numeric, numeric, numeric) is
'How much of what is unspent of a purchase''s lot goes when so much of the amount is refunded in '
'all: that share of it and of what refunds took before, rounded down at 12 decimals, less what '
'they took.';

create function private.take_back(
  turn private.charge_turn, purchase_id uuid, refunded numeric, amount numeric
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_lot public.credit_grants;
  v_credits numeric;
begin
  select g.* into v_lot
  from private.purchase_lots as o
  inner join public.credit_grants as g on g.id = o.grant_id
  where o.purchase_id = take_back.purchase_id;
  select private.taken_back(v_lot.remaining, coalesce(sum(u.credits), 0), refunded, amount)
  into v_credits
  from public.credit_usage as u
  where
    -- By the index: the lines of no log are few.
    u.user_id = v_lot.user_id
    and u.usage_log_id is null
    and u.grant_id = v_lot.id
    and u.kind = 'purchase_refund';
  if v_lot.id is null or v_credits = 0 then
    perform private.pass_turn(turn);
    return;
  end if;
  update public.credit_grants as g set remaining = g.remaining - v_credits where g.id = v_lot.id;
  if v_credits = v_lot.remaining then
    delete from private.live_lots as l where l.grant_id = v_lot.id;
  end if;
  insert into public.credit_usage (user_id, grant_id, kind, credits, created_at)
  values (v_lot.user_id, v_lot.id, 'purchase_refund', v_credits, turn.at);
  turn.balance.balance := (turn.balance).balance - v_credits;
  perform private.finish_turn(turn);
end
$$;

comment on function private.take_back(private.charge_turn, uuid, numeric, numeric) is
'Takes back what is unspent of a purchase''s lot, in proportion to the money that went back in '
'all. With nothing to take, because all was spent or there never was a lot, nothing changes.';

create function private.stored_purchase(
  given public.credit_purchases, out is_new boolean, out purchase_id uuid
)
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into public.credit_purchases select given.*
  on conflict do nothing;
  is_new := found;
  select p.id into purchase_id
  from public.credit_purchases as p
  where
    private.digest(p.provider_ref) = private.digest(given.provider_ref)
    and private.digest(p.provider) = private.digest(given.provider);
  if is_new then
    insert into private.purchase_lots (purchase_id, is_amount_known)
    values (purchase_id, given.status <> 'refunded');
  end if;
end
$$;

comment on function private.stored_purchase(public.credit_purchases) is
'The purchase that a webhook is of, inserted if its reference is new. Of two at once one inserts '
'it, and the other waits and finds it.';

create function private.status_rank(status text)
returns integer
language sql
immutable
security invoker
set search_path = ''
as $$
  select array_position('{pending,failed,completed,refunded}', status);
$$;

comment on function private.status_rank(text) is
'The place of a purchase''s status in the order that it moves through.';

create function private.store_purchase(
  known public.credit_purchases, given public.credit_purchases
)
returns public.credit_purchases
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_purchase public.credit_purchases;
begin
  update public.credit_purchases as p
  set
    status = case
      when private.status_rank(given.status) > private.status_rank(p.status) then given.status
      else p.status
    end,
    amount = case
      when o.is_amount_known then p.amount
      when given.status = 'refunded' then greatest(p.amount, given.amount)
      else given.amount
    end,
    completed_at = coalesce(p.completed_at, given.completed_at)
  from private.purchase_lots as o
  where p.id = known.id and o.purchase_id = p.id
  returning p.* into v_purchase;
  update private.purchase_lots as o
  set
    is_amount_known = o.is_amount_known or given.status <> 'refunded',
    refunded_amount = greatest(
      o.refunded_amount, case given.status when 'refunded' then given.amount end
    )
  where o.purchase_id = known.id;
  return v_purchase;
end
$$;

comment on function private.store_purchase(public.credit_purchases, public.credit_purchases) is
'Stores what a webhook, as the row that it would make, says of a known purchase: a status forward, '
'an amount that was not known, the sum refunded so far.';

create function private.move_purchase(
  turn private.charge_turn, given public.credit_purchases, expires_at timestamptz
)
returns public.credit_purchases
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_stored record := private.stored_purchase(given);
  v_purchase public.credit_purchases;
  v_money private.purchase_lots;
  v_refunded numeric := case given.status when 'refunded' then given.amount else 0 end;
  v_is_moved boolean;
  v_is_refunded boolean;
begin
  select * into v_purchase from public.credit_purchases as p where p.id = v_stored.purchase_id;
  select * into v_money from private.purchase_lots as o where o.purchase_id = v_purchase.id;
  perform private.check_same_purchase(
    v_purchase, given, v_money.is_amount_known and given.status <> 'refunded'
  );
  v_is_moved := v_stored.is_new
    or private.status_rank(given.status) > private.status_rank(v_purchase.status);
  v_is_refunded := given.status = 'refunded'
    and (v_is_moved or v_refunded > v_money.refunded_amount);
  v_purchase := private.store_purchase(v_purchase, given);
  if v_is_refunded then
    perform private.take_back(turn, v_purchase.id, v_refunded, v_purchase.amount);
  elsif v_is_moved and given.status = 'completed' then
    perform private.complete_purchase(turn, v_purchase, expires_at);
  else
    perform private.pass_turn(turn);
  end if;
  if v_is_moved and given.status in ('completed', 'refunded') then
    perform private.announce_purchase_change(v_purchase, turn.at);
  end if;
  return v_purchase;
end
$$;

comment on function private.move_purchase(
  private.charge_turn, public.credit_purchases, timestamptz
) is
'Lets a webhook, as the row that it would make, move a purchase on. One that comes again or late '
'moves nothing, but may bring the amount of one that was first heard of as refunded. Raises PT409 '
'idempotency_conflict.';

-- Purchases of people who were erased.

create function private.erased_reference(provider text, provider_ref text)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select 'sha256:'
    || encode(private.digest(jsonb_build_array(provider, provider_ref)::text), 'hex');
$$;

comment on function private.erased_reference(text, text) is
'What stands for a provider''s reference once the person was erased.';

create function private.erased_purchase(provider text, provider_ref text)
returns uuid
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_reference text := private.erased_reference(provider, provider_ref);
begin
  return (
    select p.id
    from public.credit_purchases as p
    where
      private.digest(p.provider_ref) = private.digest(v_reference)
      and private.digest(p.provider) = private.digest(erased_purchase.provider)
      and p.user_id is null
  );
end
$$;

comment on function private.erased_purchase(text, text) is
'The purchase that a reference was of before its buyer was erased; null when there is none.';

create function private.move_erased_purchase(given public.credit_purchases)
returns public.credit_purchases
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_purchase public.credit_purchases;
  v_is_amount_known boolean;
begin
  select p.* into v_purchase
  from public.credit_purchases as p
  where p.id = private.erased_purchase(given.provider, given.provider_ref)
  for no key update;
  if not found then
    return null;
  end if;
  select o.is_amount_known into v_is_amount_known
  from private.purchase_lots as o
  where o.purchase_id = v_purchase.id;
  -- Whose it was is not known any more, so that is not compared.
  perform private.check_same_purchase(
    v_purchase, given, v_is_amount_known and given.status <> 'refunded'
  );
  return private.store_purchase(v_purchase, given);
end
$$;

comment on function private.move_erased_purchase(public.credit_purchases) is
'Lets a webhook move on a purchase of somebody who was erased, found by the hash of its reference: '
'nothing is granted and nobody told. Null when there is none. Raises PT409 idempotency_conflict.';

create type private.payment as (
  kept numeric,
  count integer
);

comment on type private.payment is
'What stays paid of a purchase, and whether it counts as one (1) or not (0).';

create function private.payment_of(provider text, provider_ref text)
returns private.payment
language sql
stable
security invoker
set search_path = ''
as $$
  select row(
    coalesce(sum(paid.kept), 0),
    count(*) filter (where paid.status = 'completed' or paid.kept > 0)
  )::private.payment
  from (
    select p.status, greatest(p.amount - o.refunded_amount, 0) as kept
    from public.credit_purchases as p
    inner join private.purchase_lots as o on o.purchase_id = p.id
    where
      private.digest(p.provider_ref) = private.digest(payment_of.provider_ref)
      and private.digest(p.provider) = private.digest(payment_of.provider)
      and p.status in ('completed', 'refunded')
  ) as paid;
$$;

comment on function private.payment_of(text, text) is
'What stays paid of the purchase with this reference; nothing for one that is unknown or not '
'completed.';

create function public.record_purchase(
  user_id text,
  credits numeric,
  amount numeric,
  currency text,
  provider text,
  provider_ref text,
  status text,
  credits_expire_at timestamptz default null
)
returns public.credit_purchases
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_turn private.charge_turn;
  v_before private.payment;
  v_after private.payment;
  v_given public.credit_purchases;
  v_purchase public.credit_purchases;
begin
  perform private.check_user_id('user_id', user_id);
  perform private.check_purchase(credits, amount, currency, provider, provider_ref, status);
  v_given := row(
    gen_random_uuid(), user_id, credits, amount, currency, provider, provider_ref, status,
    null, null
  )::public.credit_purchases;
  -- Behind an erasure that is under way, and without making an account.
  v_turn.at := private.next_instant((private.lock_account(user_id)).changed_at);
  v_given.completed_at := case when status in ('completed', 'refunded') then v_turn.at end;
  v_purchase := private.move_erased_purchase(v_given);
  if v_purchase.id is not null then
    return v_purchase;
  end if;
  v_turn := private.lock_credits(user_id);
  v_given.created_at := v_turn.at;
  v_given.completed_at := case when status in ('completed', 'refunded') then v_turn.at end;
  -- Somebody may have come, bought this and been erased before we had the account.
  v_purchase := private.move_erased_purchase(v_given);
  if v_purchase.id is not null then
    perform private.pass_turn(v_turn);
    return v_purchase;
  end if;
  v_before := private.payment_of(provider, provider_ref);
  v_purchase := private.move_purchase(v_turn, v_given, nullif(credits_expire_at, 'infinity'));
  v_after := private.payment_of(provider, provider_ref);
  if v_after <> v_before then
    perform private.add_revenue(
      user_id, currency, v_after.kept - v_before.kept, v_after.count - v_before.count
    );
  end if;
  return v_purchase;
end
$$;

comment on function public.record_purchase(
  text, numeric, numeric, text, text, text, text, timestamptz
) is
'[service] What a webhook of a payment provider says, by the provider''s reference; it may come '
'twice and out of order. The status moves forward only: pending, failed, completed (grants the '
'credits, once), refunded (takes back what is unspent of them; `amount` is then the sum refunded '
'so far, and less than the whole takes its share). Raises idempotency_conflict (the reference is '
'of another purchase), invalid_argument, payload_too_large. Definer: back ends write no table.';

grant execute on function public.record_purchase(
  text, numeric, numeric, text, text, text, text, timestamptz
) to service_role;
