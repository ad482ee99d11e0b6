-- Warnings: the shares of a plan's limit that somebody is told of when they are reached, each once
-- per period. A session that is active knows the instant of the next one (warn_at); the sweep tells
-- of it then, or whatever ends or pauses the session before.

create type private.usage_threshold as (
  percent integer,
  amount interval
);

comment on type private.usage_threshold is
'An amount of used time to tell of: a share of the limit, or (percent is null) the one from which '
'on is_near_limit holds.';

create function private.usage_thresholds(terms private.usage_terms)
returns setof private.usage_threshold
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  if coalesce(terms.limit_seconds, 0) = 0 then
    return;
  end if;
  return query
  select
    t.percent, make_interval(secs => terms.limit_seconds::double precision * t.percent / 100)
  from (select distinct unnest(s.warning_percents) as percent from private.settings as s) as t
  union all
  -- As the client sees it: near is when less remains after the total was rounded down.
  select null, make_interval(secs => near.seconds)
  from (
    select greatest(terms.limit_seconds - terms.near_limit_seconds::bigint + 1, 0) as seconds
  ) as near
  where near.seconds <= terms.limit_seconds;
end
$$;

comment on function private.usage_thresholds(private.usage_terms) is
'The amounts of used time that terms tell of; none without a limit or with one of nothing.';

create function private.warn_instant(
  terms private.usage_terms, at timestamptz, used interval
)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return (
    select min(
      case
        when t.amount > used
          then private.reach_instant(terms.anchor, terms.period, t.amount, at, used)
        else
          private.reach_instant(
            terms.anchor, terms.period, t.amount, terms.period_ends_at, interval '0'
          )
      end
    )
    from private.usage_thresholds(terms) as t
  );
end
$$;

comment on function private.warn_instant(private.usage_terms, timestamptz, interval) is
'When somebody who is active without a break from `at`, an instant of the period in the terms, '
'having used `used` in it, reaches a threshold next; null = never.';

create function private.tell_of_usage(
  session public.usage_sessions, terms private.usage_terms, used interval, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_used integer := floor(extract(epoch from used));
  v_threshold private.usage_threshold;
  v_details jsonb;
begin
  for v_threshold in
    select t.*
    from private.usage_thresholds(terms) as t
    where t.amount <= used
    order by t.amount, t.percent
  loop
    v_details := case
      when v_threshold.percent is null
        then jsonb_build_object('seconds_left', greatest(terms.limit_seconds - v_used, 0))
      else jsonb_build_object('percent', v_threshold.percent)
    end;
    if private.notify(
      session.user_id,
      case
        when v_threshold.percent is null then 'usage_near_limit'
        else 'usage_percent_reached'
      end,
      private.period_key(terms.period_started_at, terms.period_ends_at, v_threshold.percent),
      jsonb_build_object(
        'session_id', session.id,
        'limit_seconds', terms.limit_seconds,
        'total_usage_seconds', v_used,
        'period_started_at', terms.period_started_at,
        'period_ends_at', terms.period_ends_at
      ) || v_details,
      at,
      terms.period_ends_at
    ) then
      perform private.announce_usage('session:warning', session.user_id, session.id, at, v_details);
    end if;
  end loop;
end
$$;

comment on function private.tell_of_usage(
  public.usage_sessions, private.usage_terms, interval, timestamptz
) is
'Tells a user whose account is locked of each threshold that is reached with so much used in the '
'period of the terms, and was not told of in it.';

create function private.period_key(
  started_at timestamptz, ends_at timestamptz, percent integer
)
returns text
language sql
immutable
security invoker
set search_path = ''
as $$
  select concat_ws(':', extract(epoch from started_at), extract(epoch from ends_at), percent);
$$;

comment on function private.period_key(timestamptz, timestamptz, integer) is
'What makes a warning about a period the same: of a share of the limit or (null) of being near it.';

create function private.warn_of_usage(
  session public.usage_sessions, since timestamptz, until timestamptz, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_since timestamptz := since;
  v_terms private.usage_terms;
begin
  while v_since <= until loop
    v_terms := private.terms_of(session.user_id, v_since);
    perform private.tell_of_usage(
      session, v_terms, private.used_at(session, v_terms, until), at
    );
    v_since := v_terms.period_ends_at;
    exit when v_since = until;
  end loop;
end
$$;

comment on function private.warn_of_usage(
  public.usage_sessions, timestamptz, timestamptz, timestamptz
) is
'Tells a user whose account is locked of the thresholds that were reached until an instant in the '
'periods from that of `since` on (null = none), and were not told of. The session is the live one '
'as it is stored, or one that was closed.';

create function private.warn_session(session public.usage_sessions, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms := private.terms_of(session.user_id, at);
begin
  perform private.warn_of_usage(session, session.warn_at, at, at);
  update public.usage_sessions as s
  set warn_at = private.warn_instant(v_terms, at, private.used_at(session, v_terms, at))
  where s.id = session.id;
end
$$;

comment on function private.warn_session(public.usage_sessions, timestamptz) is
'Tells of the thresholds that an active session, locked with its account, has reached, and puts '
'off its next warning.';

create function private.tell_of_end(
  ended public.usage_sessions, stored public.usage_sessions, at timestamptz
)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_terms private.usage_terms;
begin
  if ended.status not in ('capped', 'expired') then
    return;
  end if;
  v_terms := private.terms_of(ended.user_id, ended.ended_at);
  perform private.notify(
    ended.user_id,
    case ended.status when 'capped' then 'usage_capped' else 'session_expired' end,
    ended.id::text,
    jsonb_build_object(
      'session_id', ended.id,
      'ended_at', ended.ended_at,
      'limit_seconds', v_terms.limit_seconds,
      'total_usage_seconds',
      private.whole_seconds(private.used_at(stored, v_terms, ended.ended_at)),
      'period_started_at', v_terms.period_started_at,
      'period_ends_at', v_terms.period_ends_at
    ),
    at
  );
end
$$;

comment on function private.tell_of_end(
  public.usage_sessions, public.usage_sessions, timestamptz
) is
'Tells a user whose account is locked of an end that nobody asked for, by the period that it was '
'in. Given the row of the session as it ended, and as it is stored.';

create function private.tell_of_what_is_due(user_id text, at timestamptz)
returns void
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_stored public.usage_sessions;
  v_session public.usage_sessions;
begin
  select * into v_stored
  from public.usage_sessions as s
  where
    s.user_id = tell_of_what_is_due.user_id
    and s.ended_at is null
    and least(s.expires_at, s.cap_at, s.warn_at) <= at
  for no key update;
  if not found then
    return;
  end if;
  v_session := private.settled(v_stored, at);
  perform private.warn_of_usage(
    v_stored, v_stored.warn_at, coalesce(v_session.ended_at, at), at
  );
  if v_session.ended_at is not null then
    perform private.tell_of_end(v_session, v_stored, at);
  end if;
  update public.usage_sessions as s set warn_at = null where s.id = v_stored.id;
end
$$;

comment on function private.tell_of_what_is_due(text, timestamptz) is
'Tells a user whose account is locked of what the live session has reached and of its end, if that '
'is due, by the plan of now and without storing the end: for when the plan is about to be another '
'one. What the session is to be warned of next is not known afterwards.';
