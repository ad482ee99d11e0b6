-- Reading what was consumed: a thread, the logs, and the administrators' page over all accounts.

create function public.get_thread_usage(thread_id text)
returns public.thread_usage
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_usage public.thread_usage;
begin
  perform private.check_given('thread_id', thread_id is not null);
  perform private.check_text('thread_id', thread_id);
  select
    t.thread_id,
    t.credits,
    t.prompt_tokens,
    t.completion_tokens,
    t.prompt_tokens + t.completion_tokens,
    t.requests,
    t.last_used_at
  into v_usage
  from private.thread_totals as t
  where
    t.user_id = v_caller
    and t.thread_digest = private.digest(get_thread_usage.thread_id);
  if not found then
    v_usage := row(thread_id, 0, 0, 0, 0, 0, null);
  end if;
  return v_usage;
end
$$;

comment on function public.get_thread_usage(text) is
'[user] What a thread of the caller has consumed up to this instant; zeros for one without usage. '
'Raises not_signed_in, invalid_argument, payload_too_large. Definer: reads what nobody may.';

grant execute on function public.get_thread_usage(text) to authenticated, service_role;

create function public.list_usage_logs(
  before timestamptz default null,
  before_id uuid default null,
  page_size integer default 50,
  thread_id text default null
)
returns setof public.usage_logs
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_since timestamptz :=
    private.later(clock_timestamp(), -(select usage_log_retention from private.settings));
begin
  perform private.check_page(before, before_id, page_size);
  perform private.check_text('thread_id', thread_id);
  if thread_id is null then
    return query
    select l.*
    from public.usage_logs as l
    where
      l.user_id = v_caller
      and l.created_at > v_since
      and l.created_at <= coalesce(before, 'infinity')
      and (before is null or l.created_at < before or l.id < before_id)
    order by l.created_at desc, l.id desc
    limit page_size;
  else
    return query
    select l.*
    from public.usage_logs as l
    where
      l.user_id = v_caller
      and md5(l.thread_id) = md5(list_usage_logs.thread_id)
      and l.thread_id = list_usage_logs.thread_id
      and l.created_at > v_since
      and l.created_at <= coalesce(before, 'infinity')
      and (before is null or l.created_at < before or l.id < before_id)
    order by l.created_at desc, l.id desc
    limit page_size;
  end if;
end
$$;

comment on function public.list_usage_logs(timestamptz, uuid, integer, text) is
'[user] The caller''s logs, of one thread or (null) all, newest first, by keyset: pass the '
'created_at and id of the last row as before and before_id. As far back as usage_log_retention. '
'Raises not_signed_in, invalid_argument, payload_too_large. Definer: reads settings.';

grant execute on function public.list_usage_logs(timestamptz, uuid, integer, text)
to authenticated, service_role;

create type public.subscription_summary as (
  plan_id text,
  plan_name text,
  period_started_at timestamptz,
  period_ends_at timestamptz,
  limit_seconds integer,
  used_seconds integer,
  remaining_seconds integer,
  credits_per_period numeric,
  credits_used numeric,
  balance numeric,
  available numeric,
  server_time timestamptz
);

comment on type public.subscription_summary is
'A user''s plan and what is left of it at server_time: all that a navigation bar shows.';

create function public.get_subscription_summary()
returns public.subscription_summary
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_caller text := private.caller_id();
  v_now timestamptz := clock_timestamp();
  v_state public.usage_state := private.usage_state_at(v_caller, v_now);
  v_credits public.credit_balance := private.credit_balance_at(v_caller, v_now);
  v_plan public.plans;
begin
  select p.* into v_plan
  from public.plans as p
  left join public.accounts as a on a.user_id = v_caller
  where p.id = a.plan_id or (a.plan_id is null and p.is_default);
  return row(
    v_plan.id,
    v_plan.name,
    v_state.period_started_at,
    v_state.period_ends_at,
    v_state.limit_seconds,
    v_state.total_usage_seconds,
    v_state.time_remaining_seconds,
    v_plan.credits_per_period,
    v_credits.used_this_period,
    v_credits.balance,
    v_credits.available,
    v_state.server_time
  );
end
$$;

comment on function public.get_subscription_summary() is
'[user] The caller''s plan, period, time and credits in one answer. Writes nothing. Raises '
'not_signed_in. Definer: reads what nobody may.';

grant execute on function public.get_subscription_summary() to authenticated, service_role;

-- The administrators' page.
--
-- Its functions are stable, so that all their statements read in the snapshot of the caller's one:
-- rollups, tail and page belong to the same instant.

create type private.found_accounts as (
  page text [],
  total_rows bigint,
  total_requests bigint,
  total_tokens bigint,
  total_credits numeric,
  total_revenue jsonb
);

comment on type private.found_accounts is
'Who of the accounts that match is on a page, and totals over all that match.';

create function private.check_option(argument text, value text, options text[])
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_text(argument, value);
  if value <> all(options) then
    perform private.raise_invalid_argument(
      argument, format('has to be one of %s', array_to_string(options, ', '))
    );
  end if;
end
$$;

comment on function private.check_option(text, text, text[]) is
'Raises PT413 payload_too_large or PT422 invalid_argument for a text that is none of the options. '
'Null is fine.';

create function private.check_overview(
  page integer, page_size integer, search text, user_type text, activity text, sort text
)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  perform private.check_text('search', search);
  perform private.check_given('sort', sort is not null);
  perform private.check_option('user_type', user_type, '{internal,external}');
  perform private.check_option('activity', activity, '{active,idle,dormant}');
  perform private.check_option(
    'sort', sort, '{last_active,credits,tokens,requests,revenue,name}'
  );
  if page is null or page < 1 then
    perform private.raise_invalid_argument('page', 'has to be 1 or more');
  end if;
  perform private.check_page(null, null, page_size);
end
$$;

comment on function private.check_overview(integer, integer, text, text, text, text) is
'Raises PT413 payload_too_large, PT422 invalid_argument for arguments of the usage page.';

create function private.overview_order(sort text, is_backward boolean)
returns text[]
language sql
immutable
security invoker
set search_path = ''
as $$
  select array[
    case sort
      when 'last_active' then 'last_active_at'
      when 'tokens' then 'total_tokens'
      else sort
    end,
    case sort
      when 'last_active' then 'greatest(a.last_active_at, t.last_active_at)'
      when 'tokens' then 'a.total_tokens + t.prompt_tokens + t.completion_tokens'
      when 'credits' then 'a.credits + t.credits'
      when 'requests' then 'a.requests + t.requests'
      when 'revenue' then 'a.revenue'
      when 'name' then 'a.name'
    end,
    case
      when sort = 'last_active' and is_backward then 'asc nulls first'
      when sort = 'last_active' then 'desc nulls last'
      when is_backward = (sort = 'name') then 'desc'
      else 'asc'
    end,
    case when is_backward then 'desc' else 'asc' end
  ];
$$;

comment on function private.overview_order(text, boolean) is
'What a sort of the usage page, or its reverse, goes by, as SQL and as an index can be read: the '
'column of account_usage, the same with the tail (a and t), its direction, that of user_id.';

create function private.page_of_accounts(
  sort text, user_type text, tail private.usage_sum[], skip bigint, size integer, total bigint
)
returns text[]
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  -- Who is in the tail stands elsewhere than the index says, unless the order is another.
  v_moved private.usage_sum[] := case when sort not in ('name', 'revenue') then tail else '{}' end;
  v_size bigint := least(size, total - skip);
  v_is_backward boolean := skip > total - skip - v_size;
  v_skip bigint := case when v_is_backward then total - skip - v_size else skip end;
  v_order text [] := private.overview_order(sort, v_is_backward);
  v_start bigint := greatest(v_skip - cardinality(v_moved), 0);
  v_page text[];
begin
  if v_size <= 0 then
    return array[]::text[];
  end if;
  -- From the index come as many that did not move as surely surround the page.
  execute format(
    'select array(
      select near.user_id
      from (
        (
          select a.%I as key, a.user_id
          from public.account_usage as a
          where
            ($2 is null or a.user_type = $2)
            and a.user_id not in (select t.user_id from unnest($1) as t)
          order by a.%I %s, a.user_id %s
          offset $3
          limit $4
        )
        union all
        select %s, a.user_id
        from unnest($1) as t
        inner join public.account_usage as a on a.user_id = t.user_id
        where $2 is null or a.user_type = $2
      ) as near
      order by near.key %s, near.user_id %s
      offset $5
      limit $6
    )',
    v_order[1], v_order[1], v_order[3], v_order[4], v_order[2], v_order[3], v_order[4]
  )
  into v_page
  using
    v_moved, user_type, v_start, v_skip - v_start + v_size + cardinality(v_moved),
    v_skip - v_start, v_size;
  if v_is_backward then
    return array(select p.id from unnest(v_page) with ordinality as p (id, n) order by p.n desc);
  end if;
  return v_page;
end
$$;

comment on function private.page_of_accounts(
  text, text, private.usage_sum[], bigint, integer, bigint
) is
'Who is on a page over all accounts, or those of one type, `total` in number: read from the index '
'of the order alone, from the nearer end, with those in the tail where they belong.';

create function private.find_accounts(
  search text, user_type text, activity text, sort text, tail private.usage_sum[],
  skip bigint, size integer, at timestamptz
)
returns private.found_accounts
language plpgsql
stable
security invoker
set search_path = ''
as $$
declare
  v_order text [] := private.overview_order(sort, false);
  v_found private.found_accounts;
begin
  execute format(
    'with matched as materialized (
      select
        a.user_id,
        a.name,
        a.revenue,
        a.revenue_by_currency,
        a.requests + coalesce(t.requests, 0) as requests,
        a.total_tokens + coalesce(t.prompt_tokens + t.completion_tokens, 0) as total_tokens,
        a.credits + coalesce(t.credits, 0) as credits,
        greatest(a.last_active_at, t.last_active_at) as last_active_at
      from public.account_usage as a
      left join unnest($1) as t on t.user_id = a.user_id
      where ($2 is null or a.user_type = $2) %s %s
    )
    select
      array(select user_id from matched order by %I %s, user_id offset $6 limit $7),
      count(*),
      coalesce(sum(requests), 0),
      coalesce(sum(total_tokens), 0),
      coalesce(sum(credits), 0),
      private.sum_of_amounts(
        array_agg(revenue_by_currency) filter (where revenue_by_currency <> ''{}'')
      )
    from matched',
    case when search is not null then
      'and a.user_id in (
        select c.user_id
        from public.accounts as c
        where
          lower(c.user_id) like $3 or lower(c.email) like $3 or lower(c.display_name) like $3
      )'
    end,
    case activity
      when 'active' then 'and greatest(a.last_active_at, t.last_active_at) >= $4'
      when 'idle' then
        'and greatest(a.last_active_at, t.last_active_at) >= $5
        and greatest(a.last_active_at, t.last_active_at) < $4'
      when 'dormant' then
        'and (greatest(a.last_active_at, t.last_active_at) >= $5) is not true'
    end,
    v_order[1], v_order[3]
  )
  into
    v_found.page, v_found.total_rows, v_found.total_requests, v_found.total_tokens,
    v_found.total_credits, v_found.total_revenue
  using
    tail, user_type,
    '%' || replace(replace(replace(lower(search), '\', '\\'), '%', '\%'), '_', '\_') || '%',
    private.days_before(at, 7), private.days_before(at, 30), skip, size;
  return v_found;
end
$$;

comment on function private.find_accounts(
  text, text, text, text, private.usage_sum[], bigint, integer, timestamptz
) is
'The totals over the accounts that match, and who is on a page of them. Looks at each account that '
'matches.';

create function private.sum_of_amounts(amounts jsonb[])
returns jsonb
language sql
immutable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_object_agg(s.currency, s.amount), '{}')
  from (
    select r.key as currency, sum(r.value::numeric) as amount
    from unnest(amounts) as a (by_currency)
    cross join lateral jsonb_each_text(a.by_currency) as r
    group by r.key
    having sum(r.value::numeric) <> 0
  ) as s;
$$;

comment on function private.sum_of_amounts(jsonb[]) is 'Adds up amounts by currency.';

create function private.overview_rows(
  page text[], tail private.usage_sum[], at timestamptz
)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object(
        'user_id', c.user_id,
        'email', c.email,
        'display_name', c.display_name,
        'user_type', c.user_type,
        'plan_id', c.plan_id,
        'requests', a.requests + coalesce(t.requests, 0),
        'total_tokens', a.total_tokens + coalesce(t.prompt_tokens + t.completion_tokens, 0),
        'credits', a.credits + coalesce(t.credits, 0),
        'last_active_at', last.active_at,
        'activity', case
          when last.active_at >= private.days_before(at, 7) then 'active'
          when last.active_at >= private.days_before(at, 30) then 'idle'
          else 'dormant'
        end,
        'has_completed_payment', a.payment_count > 0,
        'revenue', a.revenue_by_currency
      )
      order by p.number
    ),
    '[]'
  )
  from unnest(page) with ordinality as p (user_id, number)
  inner join public.accounts as c on c.user_id = p.user_id
  inner join public.account_usage as a on a.user_id = p.user_id
  left join unnest(tail) as t on t.user_id = p.user_id
  cross join lateral (select greatest(a.last_active_at, t.last_active_at) as active_at) as last;
$$;

comment on function private.overview_rows(text[], private.usage_sum[], timestamptz) is
'The rows of a page of accounts, in its order.';

create function public.get_usage_overview(
  page integer default 1,
  page_size integer default 10,
  search text default null,
  user_type text default null,
  activity text default null,
  sort text default 'last_active'
)
returns public.usage_overview
language plpgsql
stable
security definer
set search_path = ''
-- A page in the middle is read from an index, in its order, and never compiled.
set random_page_cost = 1
set jit = off
set work_mem = '32MB'
as $$
declare
  -- Not after the snapshot: whatever is older is in it.
  v_at timestamptz := statement_timestamp();
  v_tail private.usage_sum[];
  v_overview public.usage_overview;
  v_found private.found_accounts;
  v_skip bigint := (page::bigint - 1) * page_size;
  v_page text[];
begin
  perform private.require_admin();
  perform private.check_overview(page, page_size, search, user_type, activity, sort);
  search := nullif(search, '');
  v_tail := private.usage_tail();
  v_overview := private.total_overview(user_type, v_tail);
  if search is null and activity is null then
    v_page := private.page_of_accounts(
      sort, user_type, v_tail, v_skip, page_size, v_overview.total_rows
    );
  else
    v_found := private.find_accounts(
      search, user_type, activity, sort, v_tail, v_skip, page_size, v_at
    );
    v_page := v_found.page;
    v_overview.total_rows := v_found.total_rows;
    v_overview.total_requests := v_found.total_requests;
    v_overview.total_tokens := v_found.total_tokens;
    v_overview.total_credits := v_found.total_credits;
    v_overview.total_revenue := v_found.total_revenue;
  end if;
  v_overview.rows := private.overview_rows(v_page, v_tail, v_at);
  v_overview.fresh_as_of := v_at;
  return v_overview;
end
$$;

comment on function public.get_usage_overview(integer, integer, text, text, text, text) is
'[admin] A page of accounts with what they consumed and paid, exact to the instant: filtered by '
'search (user_id, email, display_name, literally), user_type and activity, sorted by last_active, '
'credits, tokens, requests, revenue (descending) or name; and totals over all that matches, '
'total_users over all accounts. Raises not_signed_in, admin_only, invalid_argument, '
'payload_too_large. Definer: reads what nobody may.';

grant execute on function public.get_usage_overview(integer, integer, text, text, text, text)
to authenticated, service_role;

-- What a search looks into; in lower case, since an index of trigrams offers itself for `=` too.
-- A transition changes none of these columns, so it stays a HOT update.
create index accounts_search_idx on public.accounts using gin (
  lower(user_id) extensions.gin_trgm_ops,
  lower(email) extensions.gin_trgm_ops,
  lower(display_name) extensions.gin_trgm_ops
);
