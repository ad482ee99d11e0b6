begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session('phone');
select tests.sign_out();
select tests.age('ada', '10 seconds');
select tests.sign_in_as('ada');
create temporary table moved as select * from start_usage_session('tablet', true);
select is(total_usage_seconds, 10, 'nothing is lost') from moved;
select results_eq(
  'select ended_at from usage_intervals order by started_at',
  'select server_time from moved union all select null', 'one stretch ended, the next is open'
);
select is(i.started_at, m.server_time, 'from the same instant') from usage_intervals as i, moved as m where i.ended_at is null;
select is((stop_usage_session(session_id)).current_session_seconds, 10, 'one session') from moved;

select * from finish();
rollback;
