begin;
select plan(8);

-- given a plan for newcomers
update public.plans set limit_seconds = 3600, period = '7 days' where is_default;

-- when somebody asks who never called before
select tests.sign_in_as('ada');

-- then a first period starts now, and nothing is written
select is((get_usage_state()).status, 'idle', 'idle');
select is((get_usage_state()).session_id, null, 'no session');
select is((get_usage_state()).time_remaining_seconds, 3600, 'the whole limit remains');
select is((get_usage_state()).total_usage_seconds, 0, 'nothing is used');
select is((get_usage_state()).current_session_seconds, 0, 'no session time');
select is((get_usage_state()).version, 0::bigint, 'version 0');
select ok(
  (s).period_started_at = (s).server_time and (s).period_ends_at = (s).server_time + interval '7 days',
  'the period starts now'
) from get_usage_state() as s;
select is_empty('select user_id from accounts', 'no account was made');

select * from finish();
rollback;
