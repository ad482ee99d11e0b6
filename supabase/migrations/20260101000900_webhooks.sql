-- Webhooks: who is told of notifications by HTTP, and what is still to be delivered. The worker
-- posts; what is due, when a try is repeated and when it is given up is decided here.
--
-- Locks: whoever waits for deliveries holds their notifications, which are taken in the order of
-- their ids. Everybody else skips deliveries that are locked.

create table public.webhook_endpoints (
  id uuid primary key default gen_random_uuid(),
  url text not null,
  secret text not null default 'whsec_' || encode(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'
  ),
  kinds text[],
  enabled boolean not null default true,
  created_at timestamptz not null default clock_timestamp(),
  constraint url_is_http_without_a_password check (
    char_length(url) <= 2000 and url ~ '^https?://[^/?#@\\]+([/?#]|$)' and url ~ '^[!-~]+$'
  ),
  constraint secret_is_24_to_64_bytes_in_base64 check (
    case
      when secret ~ '^whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'
        then octet_length(decode(substr(secret, 7), 'base64')) between 24 and 64
      else false
    end
  ),
  constraint kinds_are_known check (
    kinds <> '{}' and kinds <@ array[
      'usage_near_limit', 'usage_percent_reached', 'usage_capped', 'session_expired',
      'session_expiring', 'credits_low', 'credits_exhausted', 'purchase_completed'
    ]
  )
);

comment on table public.webhook_endpoints is
'Who is told of notifications by HTTP, signed per Standard Webhooks. Back ends write it with the '
'service key. Notifications are queued for who is enabled when they are written; while an endpoint '
'is disabled what was queued waits, and goes on when it is enabled again.';
comment on column public.webhook_endpoints.secret is
'Signs what is sent: whsec_ and 24 to 64 bytes in base64. By default 32 random ones.';
comment on column public.webhook_endpoints.kinds is
'The kinds of notifications that it is told of; null is all.';

alter table public.webhook_endpoints enable row level security;
revoke all on table public.webhook_endpoints from anon, authenticated, service_role;
grant select, insert, update, delete on table public.webhook_endpoints to service_role;

create table private.webhook_deliveries (
  notification_id uuid not null references public.notifications (id) on delete cascade,
  endpoint_id uuid not null,
  status text not null default 'pending',
  try_count integer not null default 0,
  next_try_at timestamptz not null,
  last_status integer,
  last_error text,
  queued_at timestamptz not null,
  finished_at timestamptz,
  primary key (notification_id, endpoint_id),
  constraint status_is_known check (status in ('pending', 'delivered', 'dead')),
  constraint there_are_at_most_8_tries check (try_count between 0 and 8),
  constraint what_is_finished_says_when check ((status = 'pending') = (finished_at is null)),
  constraint last_error_is_short check (char_length(last_error) <= 500)
);

comment on table private.webhook_deliveries is
'What is to be delivered, is delivered or was given up: one row per notification and endpoint. No '
'foreign key to the endpoint: what a user does would wait for an operator who removes one. A row '
'of an endpoint that is gone is never tried, and goes with its notification.';
comment on column private.webhook_deliveries.next_try_at is
'When it is tried next. A claim moves it on to the end of its lease, by which the claim is known: '
'what a worker claimed that was killed is due again then.';
comment on column private.webhook_deliveries.last_status is
'The HTTP status of the last answer; null where there was none.';

create index webhook_deliveries_of_an_endpoint
on private.webhook_deliveries (endpoint_id, status, next_try_at);

alter table private.webhook_deliveries enable row level security;

create function private.queue_deliveries()
returns trigger
language plpgsql
security invoker
set search_path = ''
as $$
begin
  insert into private.webhook_deliveries (notification_id, endpoint_id, next_try_at, queued_at)
  select new.id, e.id, clock_timestamp(), clock_timestamp()
  from public.webhook_endpoints as e
  where e.enabled and (e.kinds is null or new.kind = any(e.kinds));
  return null;
end
$$;

comment on function private.queue_deliveries() is
'Trigger: queues a new notification, in the transaction that writes it, for each endpoint that '
'wants its kind.';

create trigger notifications_are_queued_for_webhooks
after insert on public.notifications
for each row execute function private.queue_deliveries();

create function private.drop_deliveries()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from private.webhook_deliveries as d
  using (
    select w.notification_id
    from private.webhook_deliveries as w
    where w.endpoint_id = old.id
    for update skip locked
  ) as f
  where d.notification_id = f.notification_id and d.endpoint_id = old.id;
  return null;
end
$$;

comment on function private.drop_deliveries() is
'Trigger: an endpoint''s deliveries go with it, but for those that somebody holds. Definer: back '
'ends write no delivery.';

create trigger webhook_endpoints_take_their_deliveries_along
after delete on public.webhook_endpoints
for each row execute function private.drop_deliveries();

create function private.webhook_body(kind text, created_at timestamptz, user_id text, payload jsonb)
returns text
language sql
stable
security invoker
set search_path = ''
set timezone = 'UTC'
as $$
  select jsonb_build_object(
    'type', kind,
    'timestamp', created_at,
    'data', payload || jsonb_build_object('user_id', user_id)
  )::text;
$$;

comment on function private.webhook_body(text, timestamptz, text, jsonb) is
'What is posted of a notification, the same to the byte at each try.';

create function private.claim_deliveries(
  batch integer,
  per_endpoint integer,
  lease interval,
  running uuid[],
  out deliveries jsonb,
  out claimed_at timestamptz,
  out leased_until timestamptz,
  out next_delivery_at timestamptz
)
language plpgsql
security definer
set search_path = ''
as $$
begin
  claimed_at := clock_timestamp();
  leased_until := claimed_at + lease;
  with due as (
    select f.notification_id, f.endpoint_id, f.url, f.secret
    from (
      select d.*, e.url, e.secret
      from public.webhook_endpoints as e
      left join (
        select r as endpoint_id, count(*) as try_count from unnest(running) as r group by r
      ) as t on t.endpoint_id = e.id
      cross join lateral (
        select w.notification_id, w.endpoint_id, w.next_try_at
        from private.webhook_deliveries as w
        where w.endpoint_id = e.id and w.status = 'pending' and w.next_try_at <= claimed_at
        order by w.next_try_at
        limit greatest(per_endpoint - coalesce(t.try_count, 0), 0)
        for update skip locked
      ) as d
      where e.enabled
    ) as f
    order by row_number() over (partition by f.endpoint_id order by f.next_try_at), f.next_try_at
    limit batch
  ), claimed as (
    update private.webhook_deliveries as d
    set
      try_count = least(d.try_count + 1, 8),
      status = case when d.try_count < 8 then 'pending' else 'dead' end,
      finished_at = case when d.try_count >= 8 then claimed_at end,
      next_try_at = leased_until,
      last_status = case when d.try_count < 8 then d.last_status end,
      last_error = case when d.try_count < 8 then d.last_error else 'worker_lost' end
    from due as f
    where d.notification_id = f.notification_id and d.endpoint_id = f.endpoint_id
    returning d.notification_id, d.endpoint_id, d.status, d.try_count, f.url, f.secret
  )
  select coalesce(jsonb_agg(to_jsonb(c) || jsonb_build_object(
    'body', private.webhook_body(n.kind, n.created_at, n.user_id, n.payload)
  )), '[]')
  into deliveries
  from claimed as c
  inner join public.notifications as n on n.id = c.notification_id
  where c.status = 'pending';
  next_delivery_at := private.next_delivery_at(per_endpoint, running, deliveries);
end
$$;

comment on function private.claim_deliveries(integer, integer, interval, uuid[]) is
'Claims up to `batch` deliveries that are due, the longest due of each endpoint in turn, of each '
'at most `per_endpoint` less those that its caller runs already (the endpoint of each in '
'`running`). They are due again when the lease is over, whoever claimed them, and what was lost '
'in its last try is dead. Answers them ({notification_id, endpoint_id, url, secret, body, '
'try_count}) and when the next is due. Definer: the worker reads and writes no table.';

grant execute on function private.claim_deliveries(integer, integer, interval, uuid[])
to hourglass_worker;

create function private.next_delivery_at(per_endpoint integer, running uuid[], claimed jsonb)
returns timestamptz
language sql
volatile
security invoker
set search_path = ''
as $$
  select min(d.next_try_at)
  from public.webhook_endpoints as e
  left join (
    select a.endpoint_id, count(*) as try_count
    from (
      select unnest(running) as endpoint_id
      union all
      select (c ->> 'endpoint_id')::uuid from jsonb_array_elements(claimed) as c
    ) as a
    group by a.endpoint_id
  ) as t on t.endpoint_id = e.id
  cross join lateral (
    select w.next_try_at
    from private.webhook_deliveries as w
    where w.endpoint_id = e.id and w.status = 'pending'
    order by w.next_try_at
    limit 1
  ) as d
  where e.enabled and per_endpoint > coalesce(t.try_count, 0);
$$;

comment on function private.next_delivery_at(integer, uuid[], jsonb) is
'When the next delivery is due of an endpoint that has room for one more than are running and were '
'claimed; null when there is none. Volatile: it sees what its caller has claimed.';

create function private.next_try_at(
  try_count integer, at timestamptz, retry_after_seconds double precision
)
returns timestamptz
language sql
volatile
security invoker
set search_path = ''
as $$
  select at + greatest(
    interval '5 seconds' * 5 ^ (try_count - 1) * (0.5 + random() / 2),
    case
      when retry_after_seconds is not null
        then make_interval(secs => least(retry_after_seconds, 24 * 60 * 60))
    end
  );
$$;

comment on function private.next_try_at(integer, timestamptz, double precision) is
'When to try again after so many tries: after 5 seconds, 25, 2 minutes, 10, 52, 4.3 hours, 22, '
'each less up to half of it by chance, so that many do not come back at once. Not before the '
'receiver asked for, within 24 hours.';

create function private.settle_deliveries(
  endpoint_id uuid,
  outcomes jsonb,
  out delivered_count integer,
  out failed_count integer,
  out dead_count integer
)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_ids uuid[];
begin
  v_ids := array(select (o ->> 'notification_id')::uuid from jsonb_array_elements(outcomes) as o);
  -- Two that settle the last two deliveries of one notification see each other's.
  perform from public.notifications as n where n.id = any(v_ids) order by n.id for no key update;
  v_now := clock_timestamp();
  with outcome as (
    select o.*, coalesce(o.status between 200 and 299, false) as is_delivered
    from jsonb_to_recordset(outcomes) as o (
      notification_id uuid, leased_until timestamptz, status integer, error text,
      retry_after_seconds double precision
    )
  ), settled as (
    update private.webhook_deliveries as d
    set
      status = case
        when o.is_delivered then 'delivered'
        when d.try_count >= 8 or o.status = 410 then 'dead'
        else 'pending'
      end,
      next_try_at = private.next_try_at(d.try_count, v_now, o.retry_after_seconds),
      last_status = o.status,
      last_error = left(o.error, 500),
      finished_at = case
        when o.is_delivered or d.try_count >= 8 or o.status = 410 then v_now
      end
    from outcome as o
    where
      d.notification_id = o.notification_id
      and d.endpoint_id = settle_deliveries.endpoint_id
      and d.status = 'pending'
      and d.next_try_at = o.leased_until
    returning d.status
  )
  select
    count(*) filter (where s.status = 'delivered'),
    count(*) filter (where s.status = 'pending'),
    count(*) filter (where s.status = 'dead')
  into delivered_count, failed_count, dead_count
  from settled as s;
  perform private.mark_delivered(v_ids, v_now);
end
$$;

comment on function private.settle_deliveries(uuid, jsonb) is
'Books what came of tries at one endpoint: [{notification_id, leased_until, status, error, '
'retry_after_seconds}], the status null where there was no answer. 2xx is delivered; anything else '
'is tried again, up to 8 times, and 410 never. A claim that is somebody else''s by now changes '
'nothing. Answers how many were delivered, failed and are dead. Definer: the worker writes no '
'table.';

grant execute on function private.settle_deliveries(uuid, jsonb) to hourglass_worker;

create function private.mark_delivered(notification_ids uuid[], at timestamptz)
returns void
language sql
security invoker
set search_path = ''
as $$
  update public.notifications as n
  set delivered_at = at
  where
    n.id = any(notification_ids)
    and n.delivered_at is null
    and exists (
      select from private.webhook_deliveries as d
      where d.notification_id = n.id and d.status = 'delivered'
    )
    and not exists (
      select from private.webhook_deliveries as d
      inner join public.webhook_endpoints as e on e.id = d.endpoint_id
      where d.notification_id = n.id and d.status <> 'delivered'
    );
$$;

comment on function private.mark_delivered(uuid[], timestamptz) is
'Says of those notifications, which the caller has locked, that each endpoint that wanted them has '
'them, where that is so.';

create function private.replay_deliveries(
  batch integer,
  endpoint uuid default null,
  since timestamptz default null,
  notification uuid default null
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count integer;
begin
  with dead as (
    select w.notification_id, w.endpoint_id
    from public.webhook_endpoints as e
    inner join private.webhook_deliveries as w on w.endpoint_id = e.id and w.status = 'dead'
    where
      (replay_deliveries.endpoint is null or e.id = replay_deliveries.endpoint)
      and (since is null or w.finished_at >= since)
      and (notification is null or w.notification_id = notification)
    limit batch
    for update of w skip locked
  )
  update private.webhook_deliveries as d
  set
    status = 'pending', try_count = 0, next_try_at = v_now, queued_at = v_now, finished_at = null
  from dead as f
  where d.notification_id = f.notification_id and d.endpoint_id = f.endpoint_id;
  get diagnostics v_count = row_count;
  if v_count > 0 then
    perform realtime.send(jsonb_build_object('at', v_now), 'notification:queued', 'worker', true);
  end if;
  return v_count;
end
$$;

comment on function private.replay_deliveries(integer, uuid, timestamptz, uuid) is
'Queues up to `batch` dead deliveries anew, with 8 tries and the webhook-id that they had: all, or '
'those of an endpoint, that died since an instant, or of a notification. Answers how many. '
'Definer: the worker writes no table.';

grant execute on function private.replay_deliveries(integer, uuid, timestamptz, uuid)
to hourglass_worker;

create function private.count_dead_deliveries(
  endpoint uuid default null, since timestamptz default null, notification uuid default null
)
returns bigint
language sql
stable
security definer
set search_path = ''
as $$
  select count(*)
  from public.webhook_endpoints as e
  inner join private.webhook_deliveries as w on w.endpoint_id = e.id and w.status = 'dead'
  where
    (count_dead_deliveries.endpoint is null or e.id = count_dead_deliveries.endpoint)
    and (since is null or w.finished_at >= since)
    and (notification is null or w.notification_id = notification);
$$;

comment on function private.count_dead_deliveries(uuid, timestamptz, uuid) is
'How many deliveries a replay with these arguments would find. Definer: the worker reads no table.';

grant execute on function private.count_dead_deliveries(uuid, timestamptz, uuid)
to hourglass_worker;

create function private.list_webhooks()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(w) order by w.created_at, w.id), '[]')
  from (
    select
      e.id, e.url, e.kinds, e.enabled, e.created_at, d.pending_count, d.dead_count, l.last_error
    from public.webhook_endpoints as e
    cross join lateral (
      select
        count(*) filter (where d.status = 'pending') as pending_count,
        count(*) filter (where d.status = 'dead') as dead_count
      from private.webhook_deliveries as d
      where d.endpoint_id = e.id and d.status in ('pending', 'dead')
    ) as d
    left join lateral (
      select d.last_error
      from private.webhook_deliveries as d
      where d.endpoint_id = e.id and d.status in ('pending', 'dead') and d.last_error is not null
      order by d.next_try_at desc
      limit 1
    ) as l on true
  ) as w;
$$;

comment on function private.list_webhooks() is
'The endpoints without their secrets, how many deliveries wait and are dead, and an error of '
'those. Definer: the worker reads no table.';

grant execute on function private.list_webhooks() to hourglass_worker;

create function private.prepare_webhook_test(endpoint uuid)
returns jsonb
language sql
volatile
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'notification_id', gen_random_uuid(),
    'endpoint_id', e.id,
    'url', e.url,
    'secret', e.secret,
    'body', private.webhook_body('test', clock_timestamp(), '', '{}'),
    'try_count', 1,
    'claimed_at', clock_timestamp()
  )
  from public.webhook_endpoints as e
  where e.id = endpoint;
$$;

comment on function private.prepare_webhook_test(uuid) is
'A delivery of type `test`, of nobody, that is stored nowhere; null for an unknown endpoint. '
'Definer: the worker reads no table.';

grant execute on function private.prepare_webhook_test(uuid) to hourglass_worker;

create function private.measure_outbox(
  out pending_count bigint, out dead_count bigint, out oldest_age_seconds double precision
)
language sql
stable
security definer
set search_path = ''
as $$
  select
    count(*) filter (where d.status = 'pending'),
    count(*) filter (where d.status = 'dead'),
    coalesce(
      extract(epoch from clock_timestamp() - min(d.queued_at) filter (where d.status = 'pending')),
      0
    )::double precision
  from public.webhook_endpoints as e
  inner join private.webhook_deliveries as d
    on d.endpoint_id = e.id and d.status in ('pending', 'dead')
  where e.enabled;
$$;

comment on function private.measure_outbox() is
'How many deliveries to enabled endpoints wait or were given up, and for how many seconds the '
'oldest waits; 0 when none does. Raises nothing. Definer: the worker reads no table.';

grant execute on function private.measure_outbox() to hourglass_worker;
