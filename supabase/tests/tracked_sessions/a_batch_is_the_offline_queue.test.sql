begin;
select plan(8);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select tests.sign_out();
select tests.age('ada', '10 minutes');
select tests.sign_in_as('ada');
create temporary table queue as select '[
  {"event_type": "early", "event_id": "00000000-0000-0000-0000-000000000001", "occurred_at": "2001-01-01T00:00:00Z"},
  {"event_type": "late", "event_id": "00000000-0000-0000-0000-000000000002", "occurred_at": "infinity"},
  {"event_type": "late", "event_id": "00000000-0000-0000-0000-000000000002"},
  {"event_type": "plain", "event_id": null, "occurred_at": null},
  {"event_type": "plain", "event_data": {"n": 1}}
]'::jsonb as events;
select is(log_session_events(s.id, events), 4, 'what is new is counted') from s, queue;
select is(log_session_events(s.id, events), 2, 'again only what has no id') from s, queue;
select is(log_session_events(id, '[]'), 0, 'an empty queue is fine') from s;
select results_eq(
  $$select e.event_type, e.event_data, e.occurred_at, count(*) from session_events as e
  where e.event_type <> 'session_start' group by 1, 2, 3 having count(*) = 1
    and (e.event_type = 'early' or e.event_type = 'late') order by 1$$,
  $$select t.event_type, '{}'::jsonb, t.at, 1::bigint from (
    select 'early' as event_type, session_start as at from user_sessions
    union all select 'late', created_at from session_events where event_type = 'late'
  ) as t order by 1$$,
  'times are clamped to the session'
);
select is((get_user_session_stats()).total_seconds, 600::bigint, 'a batch is a sign of life');
select is((end_user_session(id)).duration_seconds, 600, 'once it has ended') from s;
select is(log_session_events(s.id, events), 2, 'it still takes the queue') from s, queue;
select ok(max(e.occurred_at) <= max(u.session_end), 'none after the end')
from session_events as e inner join user_sessions as u on u.id = e.session_id;

select * from finish();
rollback;
