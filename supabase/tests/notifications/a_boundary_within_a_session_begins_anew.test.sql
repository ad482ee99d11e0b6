begin;
select plan(3);

update plans set period = '1 hour', limit_seconds = 1800, near_limit_seconds = 0 where is_default;
update private.settings set session_ttl = '1 day', warning_percents = '{50}';
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
update usage_sessions set cap_at = null;
-- nobody looked for two periods and a half
select tests.age('ada', '2 hours 20 minutes');
select is((private.run_due()).done_count, 1, 'a late look');
select results_eq(
  $$select (payload ->> 'period_started_at')::timestamptz - a.period_anchor, payload -> 'percent'
    from notifications inner join accounts as a using (user_id) order by 1$$,
  $$values (interval '0', '50'::jsonb), ('1 hour', '50'), ('2 hours', '50')$$, 'tells of each period'
);
select is(warn_at, period_anchor + interval '3 hours 15 minutes', 'and knows the next')
from usage_sessions inner join accounts using (user_id);

select * from finish();
rollback;
