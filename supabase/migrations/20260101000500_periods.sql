-- Accounting periods: pure functions of time. All calendar arithmetic is done in UTC, because the
-- time zone of a connection is the client's to choose and a day or a month has another length in
-- each.

create function private.later(at timestamptz, by interval)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return (at at time zone 'UTC' + by) at time zone 'UTC';
end
$$;

comment on function private.later(timestamptz, interval) is
'The instant that is `by` after `at`, by the calendar of UTC whatever the connection''s time zone '
'is.';

create function private.whole_seconds(duration interval)
returns integer
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return floor(extract(epoch from duration));
end
$$;

comment on function private.whole_seconds(interval) is
'A duration as the outside sees it: seconds, rounded down.';

create function private.period_at(
  anchor timestamptz, period interval, at timestamptz,
  out started_at timestamptz, out ends_at timestamptz
)
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_anchor timestamp := anchor at time zone 'UTC';
  v_at timestamp := at at time zone 'UTC';
  v_index double precision :=
    floor(extract(epoch from v_at - v_anchor) / extract(epoch from period));
begin
  -- The estimate is exact for days and shorter; months and years are off by a few.
  while v_anchor + v_index * period > v_at loop
    v_index := v_index - 1;
  end loop;
  while v_anchor + (v_index + 1) * period <= v_at loop
    v_index := v_index + 1;
  end loop;
  started_at := (v_anchor + v_index * period) at time zone 'UTC';
  ends_at := (v_anchor + (v_index + 1) * period) at time zone 'UTC';
end
$$;

comment on function private.period_at(timestamptz, interval, timestamptz) is
'The accounting period that an instant lies in: [anchor + n x period, anchor + (n + 1) x period), '
'in UTC. Each boundary is counted from the anchor, so that an anchor on the 31st keeps its day in '
'long months.';

create function private.reach_instant(
  anchor timestamptz, period interval, amount interval, at timestamptz, used interval
)
returns timestamptz
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_reached_at timestamptz := private.later(at, greatest(amount - used, interval '0'));
  v_period record := private.period_at(anchor, period, at);
begin
  if amount is null then
    return null;
  end if;
  -- The lengths of 13 periods in a row cover each length that the calendar gives a period.
  for i in 1..13 loop
    if v_reached_at < v_period.ends_at then
      return v_reached_at;
    end if;
    v_reached_at := private.later(v_period.ends_at, amount);
    v_period := private.period_at(anchor, period, v_period.ends_at);
  end loop;
  return null;
end
$$;

comment on function private.reach_instant(
  timestamptz, interval, interval, timestamptz, interval
) is
'When an amount is reached by somebody who is active without a break from `at`, having used `used` '
'in the period of that instant. Each boundary begins anew. Null = never.';
