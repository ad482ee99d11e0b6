-- Plans say what a period allows; an account is one user, on one plan, with periods of their own.

create table public.plans (
  id text primary key,
  name text not null,
  period interval not null default '1 month',
  limit_seconds integer,
  near_limit_seconds integer not null default 1800,
  credits_per_period numeric not null default 0,
  is_default boolean not null default false,
  constraint id_and_name_are_short check (
    char_length(id) between 1 and 512 and char_length(name) between 1 and 512
  ),
  constraint period_is_a_duration_of_at_least_a_second check (
    private.is_duration(period) and period >= interval '1 second'
  ),
  constraint limit_is_not_negative check (limit_seconds >= 0),
  constraint near_limit_is_not_negative check (near_limit_seconds >= 0),
  constraint credits_are_an_amount check (private.is_amount(credits_per_period))
);

comment on table public.plans is
'What a period allows. An operator writes it with plain SQL; a change counts at once, for live '
'sessions too.';
comment on column public.plans.period is
'Length of the accounting period, anchored per account: boundaries are period_anchor + n x period, '
'in UTC.';
comment on column public.plans.limit_seconds is 'Metered seconds per period; null = unlimited.';
comment on column public.plans.near_limit_seconds is
'is_near_limit is true while fewer seconds than this remain.';
comment on column public.plans.credits_per_period is 'Credits granted in each period.';
comment on column public.plans.is_default is
'The plan of a new account. Marking a plan unmarks the one before; there is always one.';

alter table public.plans enable row level security;
revoke all on table public.plans from anon, authenticated, service_role;
grant select on table public.plans to authenticated, service_role;

create policy plans_select_all on public.plans for select to authenticated using (true);

create function private.unmark_former_default_plan()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  -- One at a time, so that the second of two sees the first.
  perform from private.settings for update;
  update public.plans set is_default = false where is_default and id <> new.id;
  return null;
end
$$;

comment on function private.unmark_former_default_plan() is
'Trigger: marking a plan as the default unmarks the one that was.';

create trigger plans_default_replaces_the_former
after insert or update of is_default on public.plans
for each row when (new.is_default) execute function private.unmark_former_default_plan();

create function private.require_default_plan()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  if (select count(*) from public.plans where is_default) <> 1 then
    raise sqlstate '23514' using
      message = 'one plan has to be the default',
      hint = 'Mark another plan as the default first; that unmarks this one.';
  end if;
  return null;
end
$$;

comment on function private.require_default_plan() is
'Trigger, at commit: new accounts need a default plan. Raises 23514.';

create constraint trigger plans_keep_a_default
after update of is_default or delete on public.plans
deferrable initially deferred
for each row when (old.is_default) execute function private.require_default_plan();

insert into public.plans (id, name, limit_seconds, is_default) values ('free', 'Free', 36000, true);

create table public.accounts (
  user_id text primary key,
  plan_id text not null references public.plans (id),
  period_anchor timestamptz not null default clock_timestamp(),
  email text,
  display_name text,
  user_type text not null default 'external',
  version bigint not null default 0,
  changed_at timestamptz not null default clock_timestamp(),
  created_at timestamptz not null default clock_timestamp(),
  constraint user_id_is_1_to_256_characters check (char_length(user_id) between 1 and 256),
  constraint email_and_name_are_short check (
    char_length(email) <= 512 and char_length(display_name) <= 512
  ),
  constraint user_type_is_known check (user_type in ('internal', 'external')),
  constraint version_is_not_negative check (version >= 0)
)
-- Each transition updates the version in place; room on the page keeps that a HOT update.
with (fillfactor = 80);

comment on table public.accounts is
'One row per user, made at their first call that writes. Locking it (for no key update) is how a '
'transition of this user excludes the others.';
comment on column public.accounts.user_id is 'The sub claim of the user''s JWT.';
comment on column public.accounts.period_anchor is 'Start of the first period. Never changes.';
comment on column public.accounts.user_type is 'internal or external: a filter of the usage page.';
comment on column public.accounts.version is
'Grows with every transition of this user''s state; clients drop what is older than what they '
'have.';
comment on column public.accounts.changed_at is
'Instant of the last transition. The next one is later, also when the server''s clock was set '
'back.';

create index accounts_plan_id_idx on public.accounts (plan_id);

alter table public.accounts enable row level security;
revoke all on table public.accounts from anon, authenticated, service_role;
grant select on table public.accounts to authenticated, service_role;

create policy accounts_select_own on public.accounts for select to authenticated
using (user_id = (select private.caller()));

create function private.refuse_new_anchor()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  raise sqlstate '23514' using
    message = 'accounts.period_anchor never changes',
    hint = 'Every recorded period hangs on it.';
end
$$;

comment on function private.refuse_new_anchor() is
'Trigger: the anchor of the periods is immutable. Raises 23514.';

create trigger accounts_keep_their_anchor
before update of period_anchor on public.accounts
for each row when (old.period_anchor is distinct from new.period_anchor)
execute function private.refuse_new_anchor();

create function private.hold_plans_still()
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  lock table public.plans in share mode;
end
$$;

comment on function private.hold_plans_still() is
'Waits for changes of plans under way and holds off new ones until this transaction ends. Whoever '
'stores a deadline that follows from a plan calls it first, before locking an account; a change of '
'a plan then finds all such deadlines.';

create function private.lock_account(user_id text)
returns public.accounts
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_account public.accounts;
begin
  select * into v_account
  from public.accounts
  where accounts.user_id = lock_account.user_id
  for no key update;
  return v_account;
end
$$;

comment on function private.lock_account(text) is
'Locks and returns the user''s account: the first lock of every transition. Null when there is '
'none yet.';

create function private.ensure_account(user_id text)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
begin
  loop
    -- Held, or it could be erased before the caller locks it.
    perform from public.accounts as a where a.user_id = ensure_account.user_id for key share;
    exit when found;
    insert into public.accounts (user_id, plan_id)
    select ensure_account.user_id, plans.id from public.plans where plans.is_default
    on conflict do nothing;
  end loop;
end
$$;

comment on function private.ensure_account(text) is
'Makes the account of a user on the default plan, unless there is one; its first period starts '
'now. It stays until this transaction ends.';

create function public.set_account(
  user_id text,
  plan_id text default null,
  email text default null,
  display_name text default null,
  user_type text default null
)
returns public.accounts
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_account public.accounts;
begin
  perform private.check_text('plan_id', plan_id);
  perform private.check_text('email', email);
  perform private.check_text('display_name', display_name);
  perform private.check_text('user_type', user_type);
  perform private.check_user_id('user_id', user_id);
  if user_type not in ('internal', 'external') then
    perform private.raise_invalid_argument('user_type', 'has to be internal or external');
  end if;
  perform private.hold_plans_still();
  if
    plan_id is not null
    and not exists (select from public.plans where id = set_account.plan_id)
  then
    raise sqlstate 'PT404' using
      message = 'plan_not_found',
      detail = format('There is no plan %L.', plan_id),
      hint = 'Plans are rows of public.plans.';
  end if;
  loop
    insert into public.accounts (user_id, plan_id)
    select set_account.user_id, plans.id
    from public.plans
    where case when set_account.plan_id is null then is_default else id = set_account.plan_id end
    on conflict do nothing;
    -- Unless it was erased in between.
    exit when (private.lock_account(user_id)).user_id is not null;
  end loop;
  update public.accounts
  set
    plan_id = coalesce(set_account.plan_id, accounts.plan_id),
    email = coalesce(set_account.email, accounts.email),
    display_name = coalesce(set_account.display_name, accounts.display_name),
    user_type = coalesce(set_account.user_type, accounts.user_type)
  where accounts.user_id = set_account.user_id;
  select * into v_account from public.accounts where accounts.user_id = set_account.user_id;
  return v_account;
end
$$;

comment on function public.set_account(text, text, text, text, text) is
'[service] Makes or changes the account of a user; null leaves a value as it is. A new plan counts '
'at once: boundaries follow its period from the account''s anchor, a live session gets its new cap '
'or, with nothing left, ends as capped. Raises plan_not_found, invalid_argument, '
'payload_too_large. Definer: clients and back ends write no table.';

grant execute on function public.set_account(text, text, text, text, text) to service_role;
