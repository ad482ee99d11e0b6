begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session('phone');
select is((pause_usage_session(session_id)).status, 'paused', 'given a paused session') from began;
select throws_ok(
  $$select start_usage_session('tablet')$$, 'PT409', 'session_active_elsewhere', 'paused is live'
);
select is((start_usage_session('tablet', true)).status, 'active', 'the hand-off resumes it');
select is((get_usage_state()).version, 3::bigint, 'in one transition');

select * from finish();
rollback;
