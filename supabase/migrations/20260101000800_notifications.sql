-- Notifications: what somebody should hear of, once, written in the transaction that causes it or
-- by the sweep that notices. The user hears of it by the event of the same instant; the table is
-- the outbox for everybody else.

create table public.notifications (
  id uuid primary key default gen_random_uuid(),
  user_id text not null references public.accounts (user_id),
  kind text not null,
  dedupe_key text not null,
  payload jsonb not null,
  created_at timestamptz not null,
  kept_until timestamptz not null,
  delivered_at timestamptz,
  constraint each_is_told_once unique (dedupe_key),
  constraint kind_is_known check (
    kind in (
      'usage_near_limit', 'usage_percent_reached', 'usage_capped', 'session_expired',
      'session_expiring', 'credits_low', 'credits_exhausted', 'purchase_completed'
    )
  ),
  constraint payload_is_an_object check (jsonb_typeof(payload) = 'object')
);

comment on table public.notifications is
'The outbox: one row for each thing that somebody should hear of, and never two. Kept for '
'event_retention, and as long as the same could come up again.';
comment on column public.notifications.id is 'The webhook-id of all its deliveries.';
comment on column public.notifications.kind is
'usage_near_limit, usage_percent_reached, usage_capped, session_expired (metered sessions), '
'session_expiring (a room, to each who is in it), credits_low, credits_exhausted, '
'purchase_completed.';
comment on column public.notifications.dedupe_key is
'What makes it the same: begins with the kind and the user.';
comment on column public.notifications.kept_until is
'Until then the same could come up again: the end of the accounting period, else created_at.';
comment on column public.notifications.delivered_at is
'When the last webhook that wanted it took it; null until then, and where none wanted it.';

create index notifications_newest_first
on public.notifications (user_id, created_at desc, id desc);
create index notifications_by_end on public.notifications (kept_until);

alter table public.notifications enable row level security;
revoke all on table public.notifications from anon, authenticated, service_role;
grant select on table public.notifications to authenticated, service_role;

create policy notifications_select_own on public.notifications for select to authenticated
using (user_id = (select private.caller()));

create function private.notify(
  user_id text,
  kind text,
  key text,
  payload jsonb,
  at timestamptz,
  kept_until timestamptz default null
)
returns boolean
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into public.notifications (user_id, kind, dedupe_key, payload, created_at, kept_until)
  values (
    user_id, kind, concat_ws(':', kind, user_id, key), payload, at, coalesce(kept_until, at)
  )
  on conflict on constraint each_is_told_once do nothing;
  if not found then
    return false;
  end if;
  perform realtime.send(
    jsonb_build_object('at', at, 'kind', kind), 'notification:queued', 'worker', true
  );
  return true;
end
$$;

comment on function private.notify(text, text, text, jsonb, timestamptz, timestamptz) is
'Writes a notification and tells the worker, unless it was written before; answers whether it is '
'new. The key says what is the same for this user and kind; where it could come up again later, '
'kept_until says until when. The caller holds what causes it locked.';

create function private.forget_old_notifications(batch integer default 10000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.notifications as n
  where n.id in (
    select o.id
    from public.notifications as o
    where
      o.kept_until
      <= private.later(clock_timestamp(), -(select event_retention from private.settings))
    order by o.kept_until
    limit batch
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function private.forget_old_notifications(integer) is
'Sweep: removes up to `batch` notifications that have been done with for event_retention, '
'delivered or not. Idempotent; skips what somebody else has locked. Answers how many.';
