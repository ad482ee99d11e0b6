begin;
select plan(11);

update plans set limit_seconds = 1000, near_limit_seconds = 100 where is_default;
update private.settings set session_ttl = '1 day';
select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select is(warn_at, started_at + interval '800 seconds', 'the first is known from the start') from usage_sessions;
select is(
  (private.close_due_sessions()).next_deadline_at, session_started_at + interval '800 seconds', 'and looked for then'
) from began;
select is_empty('select * from notifications', 'but not before');
select tests.age('ada', '800 seconds');
delete from realtime.messages;
select is((private.run_due()).done_count, 1, 'when it is reached');
select is((private.run_due()).done_count, 0, 'once');
select results_eq(
  $$select topic, event, private, payload -> 'percent', payload -> 'version', payload #>> '{state,status}',
    payload #> '{state,end_token}', payload -> 'state' ? 'end_token' from realtime.messages where topic <> 'worker'$$,
  $$values ('user:ada', 'session:warning', true, '80'::jsonb, '1'::jsonb, 'active', null::jsonb, false)$$,
  'it is told, and raises no version'
);
select results_eq(
  $$select topic, event, payload ->> 'kind' from realtime.messages where topic = 'worker'$$,
  $$values ('worker', 'notification:queued', 'usage_percent_reached')$$, 'to the worker too'
);
select results_eq(
  $$select user_id, kind, payload -> 'percent', payload -> 'limit_seconds', payload -> 'total_usage_seconds', delivered_at
    from notifications$$,
  $$values ('ada', 'usage_percent_reached', '80'::jsonb, '1000'::jsonb, '800'::jsonb, null::timestamptz)$$, 'and written'
);
select tests.age('ada', '101 seconds');
select is((private.run_due()).done_count, 1, 'those that were passed at once');
select results_eq(
  'select kind, payload -> $$percent$$, payload -> $$seconds_left$$ from notifications order by created_at, kind',
  $$values
    ('usage_percent_reached', '80'::jsonb, null::jsonb), ('usage_near_limit', null, '99'), ('usage_percent_reached', '90', null)$$,
  'are each told once'
);
-- another period
select tests.age('ada', '1 month');
select private.run_due();
select tests.sign_in_as('ada');
select start_usage_session();
select tests.sign_out();
select tests.age('ada', '850 seconds');
select private.run_due();
select is(count(*), 2::bigint, 'a new period begins anew')
from notifications where payload -> 'percent' = '80';

select * from finish();
rollback;
