-- The ledger of credits: lots that were granted, what burned them, reservations, purchases.
--
-- Amounts are numeric without a scale and nothing is rounded. Everything about a user's credits is
-- written under the lock of their account. What time alone changes (a lot or a hold runs out, a
-- period begins) is true at its instant; storing it is bookkeeping.
--
-- Always, for each lot:  credits - sum(credit_usage.credits) = remaining
-- and for each user:     sum(remaining of live lots) - sum(overdrafts) = balance

create table public.credit_grants (
  id uuid primary key default gen_random_uuid(),
  user_id text references public.accounts (user_id),
  source text not null,
  credits numeric not null,
  remaining numeric not null,
  priority integer not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  constraint source_is_1_to_512_characters check (char_length(source) between 1 and 512),
  constraint credits_are_a_positive_amount check (credits > 0 and credits < 'Infinity'),
  constraint remaining_is_between_zero_and_granted check (remaining between 0 and credits)
)
-- A charge changes `remaining`, which no index knows; room on the page keeps that a HOT update.
with (fillfactor = 70);

comment on table public.credit_grants is
'Lots of credits. Charges burn the lot with the lowest priority number first, then the one that '
'expires first (never-expiring last), then the oldest, then by id.';
comment on column public.credit_grants.user_id is 'Null once the person was erased.';
comment on column public.credit_grants.source is
'Where it came from: plan (granted once per period), purchase, or what grant_credits was told.';
comment on column public.credit_grants.remaining is
'What is left. Of a lot that has expired nothing counts, whether or not that was booked.';

create index credit_grants_newest_first
on public.credit_grants (user_id, created_at desc, id desc);

alter table public.credit_grants enable row level security;
revoke all on table public.credit_grants from anon, authenticated, service_role;
grant select on table public.credit_grants to authenticated, service_role;

create policy credit_grants_select_own on public.credit_grants for select to authenticated
using (user_id = (select private.caller()));

create table private.live_lots (
  user_id text not null,
  priority integer not null,
  expires_at timestamptz not null default 'infinity',
  created_at timestamptz not null,
  grant_id uuid not null references public.credit_grants (id) on delete cascade,
  primary key (user_id, priority, expires_at, created_at, grant_id)
);

comment on table private.live_lots is
'The lots with something left whose expiry is not booked, in the order that they burn in: its key. '
'A table of its own, because an index on what is left would have to change with each charge.';

create unique index live_lots_grant_id_idx on private.live_lots (grant_id);
create index live_lots_next_expiry on private.live_lots (user_id, expires_at)
where expires_at < 'infinity';

alter table private.live_lots enable row level security;

create table public.credit_usage (
  id bigint generated always as identity primary key,
  user_id text,
  grant_id uuid not null references public.credit_grants (id),
  usage_log_id uuid,
  kind text not null,
  credits numeric not null,
  created_at timestamptz not null,
  constraint kind_is_known check (kind in ('charge', 'refund', 'expiry', 'purchase_refund')),
  constraint only_a_refund_is_negative check (
    credits <> 0 and (kind = 'refund') = (credits < 0) and abs(credits) < 'Infinity'
  ),
  constraint charges_and_refunds_have_a_log check (
    (kind in ('charge', 'refund')) = (usage_log_id is not null)
  )
);

comment on table public.credit_usage is
'The ledger lines: how much of which lot went, and why. A refund of usage is a negative line of '
'the same log. Lines are added and never changed.';
comment on column public.credit_usage.user_id is 'Null once the person was erased.';
comment on column public.credit_usage.kind is
'charge, refund (of usage: negative), expiry (what was left when the lot ran out), '
'purchase_refund (what was unspent when the money went back).';

create index credit_usage_of_a_log on public.credit_usage (user_id, usage_log_id);

alter table public.credit_usage enable row level security;
revoke all on table public.credit_usage from anon, authenticated, service_role;
grant select on table public.credit_usage to authenticated, service_role;

create policy credit_usage_select_own on public.credit_usage for select to authenticated
using (user_id = (select private.caller()));

create table private.overdrafts (
  usage_log_id uuid primary key,
  user_id text not null,
  credits numeric not null,
  created_at timestamptz not null,
  constraint credits_are_positive check (credits > 0 and credits < 'Infinity')
);

comment on table private.overdrafts is
'What a charge took beyond all lots and no grant has paid yet. The next grant pays the oldest '
'first, and then counts as burned by that charge.';

create index overdrafts_oldest_first on private.overdrafts (user_id, created_at, usage_log_id);

alter table private.overdrafts enable row level security;

create table public.credit_holds (
  id uuid primary key default gen_random_uuid(),
  user_id text not null references public.accounts (user_id),
  credits numeric not null,
  status text not null default 'live',
  expires_at timestamptz not null,
  created_at timestamptz not null,
  constraint credits_are_a_positive_amount check (credits > 0 and credits < 'Infinity'),
  constraint status_is_known check (status in ('live', 'settled', 'released', 'expired')),
  constraint expires_at_is_after_created_at check (expires_at > created_at)
);

comment on table public.credit_holds is
'Reservations. available = balance - live holds; one past its expires_at holds nothing, whatever '
'its status says.';

create index credit_holds_live
on public.credit_holds (user_id, expires_at) include (credits) where status = 'live';
create index credit_holds_newest_first on public.credit_holds (user_id, created_at desc, id desc);

alter table public.credit_holds enable row level security;
revoke all on table public.credit_holds from anon, authenticated, service_role;
grant select on table public.credit_holds to authenticated, service_role;

create policy credit_holds_select_own on public.credit_holds for select to authenticated
using (user_id = (select private.caller()));

create table private.credit_balances (
  user_id text primary key references public.accounts (user_id) on delete cascade,
  balance numeric not null,
  overdraft numeric not null,
  held numeric not null,
  next_due_at timestamptz not null,
  period interval not null,
  period_started_at timestamptz not null,
  period_ends_at timestamptz not null,
  plan_credits numeric not null,
  used numeric not null,
  last_used_at timestamptz,
  told_percent integer not null,
  low_at numeric not null,
  constraint overdraft_is_not_negative check (overdraft >= 0),
  constraint balance_is_at_least_the_overdraft_below_zero check (balance >= -overdraft),
  constraint held_is_not_negative check (held >= 0),
  constraint period_ends_after_it_started check (period_ends_at > period_started_at),
  constraint used_is_not_negative check (used >= 0),
  constraint plan_credits_are_not_negative check (plan_credits >= 0)
)
-- Each charge updates it in place.
with (fillfactor = 70);

comment on table private.credit_balances is
'A user''s credits as last stored: right until next_due_at and within the period, as long as the '
'plan is what it was. After that private.settle_credits has to book what is due, and a read to '
'count it.';
comment on column private.credit_balances.balance is
'Sum of what is left of the lots in live_lots, less the overdraft.';
comment on column private.credit_balances.held is 'Sum of the holds whose status is live.';
comment on column private.credit_balances.next_due_at is
'No live lot or hold runs out before this; infinity = none does.';
comment on column private.credit_balances.period is 'The plan''s period that the bounds are of.';
comment on column private.credit_balances.plan_credits is
'The most that plans granted in this period.';
comment on column private.credit_balances.used is
'Credits charged in this period; refunds do not lower it.';
comment on column private.credit_balances.last_used_at is
'The last charge, in whichever period.';
comment on column private.credit_balances.told_percent is
'The least of low_credit_percents that the user was told of since a grant last lifted the balance '
'above it: 0 = that nothing is left too, 101 = of none. Without any grant so far: 0.';
comment on column private.credit_balances.low_at is
'While the balance is above this there is nothing to tell; it may be too high, as lots that are '
'used up count no more.';

create index credit_balances_next_due on private.credit_balances (next_due_at);

alter table private.credit_balances enable row level security;

create table private.usage_refunds (
  usage_log_id uuid primary key,
  user_id text not null,
  reason text not null,
  receipt jsonb not null,
  created_at timestamptz not null,
  constraint reason_is_short check (char_length(reason) <= 512)
);

comment on table private.usage_refunds is
'One row per log that was refunded, with the answer that was given: again gives the same.';

create index usage_refunds_user_id_idx on private.usage_refunds (user_id);

alter table private.usage_refunds enable row level security;

create table public.credit_purchases (
  id uuid primary key default gen_random_uuid(),
  user_id text references public.accounts (user_id),
  credits numeric not null,
  amount numeric not null,
  currency text not null,
  provider text not null,
  provider_ref text not null,
  status text not null,
  created_at timestamptz not null,
  completed_at timestamptz,
  constraint credits_are_a_positive_amount check (credits > 0 and credits < 'Infinity'),
  constraint amount_is_not_negative check (amount >= 0 and amount < 'Infinity'),
  constraint currency_is_three_capital_letters check (currency ~ '^[A-Z]{3}$'),
  constraint texts_are_1_to_512_characters check (
    char_length(provider) between 1 and 512 and char_length(provider_ref) between 1 and 512
  ),
  constraint status_is_known check (status in ('pending', 'failed', 'completed', 'refunded'))
);

comment on table public.credit_purchases is
'Money in, one row per reference of a payment provider. Its status only moves forward: pending, '
'failed, completed, refunded.';
comment on column public.credit_purchases.user_id is 'Null once the person was erased.';
comment on column public.credit_purchases.provider_ref is
'The provider''s name for it; a hash of that once the person was erased.';
comment on column public.credit_purchases.completed_at is
'When it was first known to be paid; null for one that never was.';

create unique index credit_purchases_one_per_reference
on public.credit_purchases (private.digest(provider_ref), private.digest(provider));
create index credit_purchases_newest_first
on public.credit_purchases (user_id, created_at desc, id desc);

alter table public.credit_purchases enable row level security;
revoke all on table public.credit_purchases from anon, authenticated, service_role;
grant select on table public.credit_purchases to authenticated, service_role;

create policy credit_purchases_select_own on public.credit_purchases for select to authenticated
using (user_id = (select private.caller()));

create table private.purchase_lots (
  purchase_id uuid primary key references public.credit_purchases (id) on delete cascade,
  grant_id uuid unique references public.credit_grants (id),
  is_amount_known boolean not null,
  refunded_amount numeric not null default 0,
  constraint refunded_amount_is_not_negative check (refunded_amount >= 0)
);

comment on table private.purchase_lots is
'The lot that a purchase paid for, and how much of the money went back. A purchase that was first '
'heard of as refunded has no lot, and learns its amount from the next webhook.';

alter table private.purchase_lots enable row level security;

create type public.usage_receipt as (
  usage_log_id uuid,
  user_id text,
  thread_id text,
  credits numeric,
  lots jsonb,
  balance numeric,
  available numeric,
  version bigint,
  created_at timestamptz,
  refunded_at timestamptz
);

comment on type public.usage_receipt is
'What a charge or its refund did: lots is [{grant_id, credits}], what it burned or gave back; '
'balance, available and version are those right after it.';

create type public.credit_balance as (
  balance numeric,
  held numeric,
  available numeric,
  expiring_next numeric,
  expires_next_at timestamptz,
  used_this_period numeric,
  version bigint
);

comment on type public.credit_balance is
'A user''s credits now. available = balance - held; expiring_next is what is left of the lots that '
'expire next, at expires_next_at.';
