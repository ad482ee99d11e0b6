begin;
select plan(11);

create function pg_temp.told() returns setof jsonb language plpgsql as $$
begin
  return query
    select jsonb_build_object('topic', topic, 'event', event, 'private', private, 'payload', payload - 'id')
    from realtime.messages where event <> 'usage:changed' order by event, topic;
  delete from realtime.messages;
end $$;

create temporary table lot as select * from grant_credits('ada', 10, expires_at => now() + interval '1 hour');
select results_eq(
  'select pg_temp.told()',
  $$select jsonb_build_object('topic', topic, 'event', event, 'private', true, 'payload', payload) from lot, lateral (values
    ('user:ada', 'credits:changed', jsonb_build_object(
      'version', 1, 'at', created_at,
      'balance', to_jsonb(private.credit_balance_at('ada', created_at))
    )),
    ('worker', 'deadline:changed', jsonb_build_object('at', created_at, 'deadline', expires_at))
  ) as v (topic, event, payload)$$,
  'a grant, and the worker of when it runs out'
);
create temporary table charged as
select * from record_usage('ada', 2, prompt_tokens => 5, completion_tokens => 6, thread_id => 't');
select results_eq(
  'select pg_temp.told()',
  $$select jsonb_build_object('topic', 'user:ada', 'event', event, 'private', true, 'payload', payload)
  from charged, lateral (values
    ('credits:changed', jsonb_build_object(
      'version', 2, 'at', created_at, 'balance', to_jsonb(private.credit_balance_at('ada', created_at))
    )),
    ('usage:logged', jsonb_build_object(
      'version', 2, 'at', created_at, 'usage_log_id', usage_log_id, 'thread_id', 't', 'credits', 2, 'count', 1,
      'thread', jsonb_build_object(
        'thread_id', 't', 'credits', 2, 'prompt_tokens', 5, 'completion_tokens', 6, 'total_tokens', 11,
        'requests', 1, 'last_used_at', created_at
      )
    ))
  ) as v (event, payload)$$,
  'a charge'
);
select is((record_usage('ada', 0)).version, 3::bigint, 'a free one without a thread');
select results_eq(
  $$select e -> 'event', e #> '{payload,thread}' from pg_temp.told() as e$$,
  $$values ('"credits:changed"'::jsonb, null), ('"usage:logged"', 'null'::jsonb)$$, 'tells as much'
);
create temporary table held as select * from hold_credits('ada', 1, '5 minutes');
select is(count(*), 2::bigint, 'a hold tells, and the worker of its end') from pg_temp.told();
select is((release_hold(id)).status, 'released', 'given its release') from held;
select is(count(*), 1::bigint, 'which tells') from pg_temp.told();
select is((release_hold(id)).status, 'released', 'again') from held;
select throws_ok($$select record_usage('ada', 100)$$, 'PT402', null, 'and a refused charge');
select is_empty('select pg_temp.told()', 'tell nothing');
create temporary table refund as select r.* from charged, refund_usage(usage_log_id, 'x') as r;
select results_eq(
  $$select e -> 'event', e #> '{payload,version}', e #> '{payload,balance,balance}' from pg_temp.told() as e$$,
  $$values ('"credits:changed"'::jsonb, '6'::jsonb, '10'::jsonb)$$, 'a refund tells, and logs nothing'
);

select * from finish();
rollback;
