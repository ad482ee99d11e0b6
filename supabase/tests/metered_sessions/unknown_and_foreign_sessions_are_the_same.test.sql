begin;
select plan(11);

select tests.sign_in_as('ada');
create temporary table hers as select * from start_usage_session();
grant select on hers to authenticated;

select tests.sign_in_as('bob');
select throws_ok(format('select %s(%L)', f, i), 'PT404', 'session_not_found', f || ' of ' || whose)
from
  unnest(array[
    'heartbeat_usage_session', 'pause_usage_session', 'resume_usage_session', 'stop_usage_session'
  ]) as f,
  (select session_id, 'another user' from hers union all select gen_random_uuid(), 'nobody') as s (i, whose);
select is_empty('select * from list_usage_sessions()', 'not listed');
select is_empty('select * from usage_sessions', 'not readable');
select is_empty('select * from accounts', 'and bob has no account from asking');

select * from finish();
rollback;
