begin;
select plan(5);

update plans set period = '2 months' where id = 'free';
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
update plans set period = '60 days' where id = 'free';
select tests.sign_in_as('ada');
select is(
  period_ends_at, period_started_at + interval '60 days', '60 days are not 2 months'
) from get_usage_state();
select is((get_usage_state()).version, 2::bigint, 'a change');
select is((stop_usage_session(session_id)).status, 'closed', 'after the end') from began;
select is(count(*), 2::bigint, 'each period has its total') from usage_totals;
select is(min(used), max(used), 'both true') from usage_totals;

select * from finish();
rollback;
