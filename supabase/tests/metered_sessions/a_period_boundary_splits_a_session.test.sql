begin;
select plan(7);

-- given a session that began 30 seconds before the end of the period and got heartbeats
update public.plans set limit_seconds = 100, period = '1 hour' where is_default;
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
alter table accounts disable trigger accounts_keep_their_anchor;
update accounts set period_anchor = (select session_started_at from began) - interval '59 minutes 30 seconds';
alter table accounts enable trigger accounts_keep_their_anchor;
delete from usage_totals;
update usage_sessions set cap_at = private.reach_instant(
  (select period_anchor from accounts), interval '1 hour', interval '100 seconds', started_at, interval '0'
);
select is(cap_at, started_at + interval '130 seconds', 'the cap counts from the boundary') from usage_sessions;
select tests.age('ada', '80 seconds');

-- then each part counts in its own period
select tests.sign_in_as('ada');
select is((get_usage_state()).total_usage_seconds, 50, '50 seconds of the new period');
select is((get_usage_state()).current_session_seconds, 80, '80 seconds of the session');
select is((get_usage_state()).time_remaining_seconds, 50, 'the limit is whole again');
create temporary table stopped as select s.* from began as b, stop_usage_session(b.session_id) as s;
select is(total_usage_seconds, 50, 'also after the stop') from stopped;
select is(
  (select used from usage_totals order by period_started_at limit 1), interval '30 seconds',
  '30 seconds of the old one'
);
select is(
  (select sum(used) from usage_totals), (select active_time from usage_sessions),
  'and nothing is lost between'
);

select * from finish();
rollback;
