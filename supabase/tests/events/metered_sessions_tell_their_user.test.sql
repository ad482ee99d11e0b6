begin;
select plan(10);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session('phone');
select tests.sign_out();
select results_eq(
  $$select event, private, payload - 'id' from realtime.messages where topic = 'user:ada'$$,
  $$select 'session:created'::text, true, jsonb_build_object(
    'version', b.version, 'at', b.server_time, 'state', to_jsonb(b) - 'end_token') from began as b$$,
  'start: session:created with the whole state, without the token'
);
delete from realtime.messages;

-- what changes nothing is not told
select tests.sign_in_as('ada');
select is((heartbeat_usage_session(session_id)).status, 'active', 'a heartbeat') from began;
select is((start_usage_session('phone')).status, 'active', 'a second start') from began;
select is((resume_usage_session(session_id)).status, 'active', 'resuming what is active') from began;
select tests.sign_out();
select is_empty('select * from realtime.messages', 'are not told');

-- each transition once
select tests.sign_in_as('ada');
select is((pause_usage_session(session_id)).status, 'paused', 'pause') from began;
select is((start_usage_session('tablet', true)).status, 'active', 'move and resume');
select is((stop_usage_session(session_id)).status, 'closed', 'stop') from began;
select is((stop_usage_session(session_id)).status, 'closed', 'stop again') from began;
select tests.sign_out();
select results_eq(
  $$select event, payload -> 'version', payload #>> '{state,status}', payload ->> 'reason'
    from realtime.messages where topic = 'user:ada' order by payload -> 'version'$$,
  $$values
    ('session:updated', '2'::jsonb, 'paused', null),
    ('session:updated', '3', 'active', null),
    ('session:closed', '4', 'closed', 'stopped')$$,
  'told once each'
);

select * from finish();
rollback;
