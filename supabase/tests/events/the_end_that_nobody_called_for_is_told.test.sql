begin;
select plan(5);

update plans set limit_seconds = 60 where is_default;
select tests.sign_in_as('ada');
select is((start_usage_session()).status, 'active', 'given a session near its cap');
select tests.sign_in_as('bob');
select is((start_usage_session()).status, 'active', 'and one that is left alone');
select tests.sign_out();
update usage_sessions set cap_at = null, warn_at = null where user_id = 'bob';
select tests.age('ada', '80 seconds');
select tests.age('bob', '95 seconds');
delete from realtime.messages;
select is((private.close_due_sessions(10)).done_count, 2, 'when the sweep comes');
select is((private.close_due_sessions(10)).done_count, 0, 'and comes again');
select results_eq(
  $$select topic, event, payload ->> 'reason', payload #>> '{state,status}', payload #> '{state,version}'
    from realtime.messages where event <> 'notification:queued' order by topic, event, payload -> 'percent'$$,
  $$values
    ('user:ada', 'session:closed', 'capped', 'capped', '2'::jsonb),
    ('user:ada', 'session:warning', null, 'capped', '2'),
    ('user:ada', 'session:warning', null, 'capped', '2'),
    ('user:ada', 'session:warning', null, 'capped', '2'),
    ('user:bob', 'session:closed', 'expired', 'expired', '2')$$,
  'each user is told once, with the reason'
);

select * from finish();
rollback;
