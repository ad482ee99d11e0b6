begin;
select plan(6);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select results_eq(
  $$select event, private, payload - 'id' from realtime.messages where topic = 'worker'$$,
  $$select 'deadline:changed'::text, true,
    jsonb_build_object('at', server_time, 'deadline', session_expires_at) from began$$,
  'a start tells the worker its deadline'
);
delete from realtime.messages;
select tests.sign_in_as('ada');
select is((heartbeat_usage_session(session_id)).status, 'active', 'a heartbeat') from began;
select is((pause_usage_session(session_id)).status, 'paused', 'a pause') from began;
select tests.sign_out();
select is_empty($$select * from realtime.messages where topic = 'worker'$$, 'put deadlines off, which it need not know');
select tests.sign_in_as('ada');
select is((resume_usage_session(session_id)).status, 'active', 'resuming') from began;
select tests.sign_out();
select is(count(*), 1::bigint, 'tells it again') from realtime.messages where topic = 'worker';

select * from finish();
rollback;
