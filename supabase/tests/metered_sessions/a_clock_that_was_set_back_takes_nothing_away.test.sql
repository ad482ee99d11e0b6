begin;
select plan(5);

-- given a session that the clock says has not begun yet
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
alter table accounts disable trigger accounts_keep_their_anchor;
update accounts set changed_at = changed_at + interval '1 hour';
update usage_sessions set
  started_at = started_at + interval '1 hour', active_since = active_since + interval '1 hour',
  expires_at = expires_at + interval '1 hour', cap_at = cap_at + interval '1 hour';
update usage_intervals set started_at = started_at + interval '1 hour';

select tests.sign_in_as('ada');
select is((get_usage_state()).current_session_seconds, 0, 'no second is negative');
select is((heartbeat_usage_session(session_id)).status, 'active', 'a heartbeat') from began;
select ok(expires_at > active_since, 'expires after its start') from usage_sessions;
select is((stop_usage_session(session_id)).status, 'closed', 'it can be stopped') from began;
select ok(ended_at > started_at, 'after it started') from usage_sessions;

select * from finish();
rollback;
