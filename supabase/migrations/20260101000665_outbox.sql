-- The outbox as a whole: how much of it waits.

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
