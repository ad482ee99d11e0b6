begin;
select plan(12);

select tests.sign_in_as('ada');
select is((usage_ping(false)).status, 'idle', 'stopping nothing is fine');
select is_empty('select * from accounts', 'and writes nothing');
create temporary table began as select * from usage_ping(true, device_id => 'phone');
select is(status, 'active', 'true without an id starts') from began;
select is((usage_ping(true)).device_id, 'phone', 'a null device is not checked');
select throws_ok(
  $$select usage_ping(true, null, 'tablet')$$, 'PT409', 'session_active_elsewhere', 'another device is'
);
select is((pause_usage_session(session_id)).status, 'paused', 'given a pause') from began;
select is((usage_ping(true, session_id)).status, 'active', 'true with its id resumes') from began;
select is((usage_ping(true, session_id, 'phone')).version, 3::bigint, 'and then beats') from began;
select is((usage_ping(false)).status, 'closed', 'false without an id stops the live one');
select is((usage_ping(true, session_id)).status, 'closed', 'true with the id of an ended one: its final state') from began;
select is((usage_ping(false, session_id)).status, 'closed', 'false again too') from began;
select throws_ok('select usage_ping(null)', 'PT422', 'invalid_argument', 'null is no answer');

select * from finish();
rollback;
