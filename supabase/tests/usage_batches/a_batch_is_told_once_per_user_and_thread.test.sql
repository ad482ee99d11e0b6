begin;
select plan(6);

select tests.act_as('service_role');
select grant_credits('ada', 100, expires_at => clock_timestamp() + interval '1 day');
select tests.sign_out();
delete from realtime.messages;
create temporary table before as select version from accounts where user_id = 'ada';
select tests.act_as('service_role');
create temporary table receipts as
select row_number() over () as n, r.* from record_usage_batch('[
  {"user_id": "ada", "credits": 1, "thread_id": "a", "prompt_tokens": 5},
  {"user_id": "ada", "credits": 2, "thread_id": "b"},
  {"user_id": "ada", "credits": 3},
  {"user_id": "bob", "credits": 4, "thread_id": "a", "overdraft": true},
  {"user_id": "ada", "credits": 5, "thread_id": "a", "completion_tokens": 6, "idempotency_key": "k"}
]') as r;
select tests.sign_out();
select results_eq(
  $$select topic, event, count(*) from realtime.messages
  where topic like 'user:%' group by topic, event order by topic, event$$,
  $$values
    ('user:ada', 'credits:changed', 1::bigint), ('user:ada', 'usage:logged', 3),
    ('user:bob', 'credits:changed', 1), ('user:bob', 'usage:logged', 1)$$,
  'one credits:changed for a user, one usage:logged for a thread of theirs, and nothing else'
);
select is(
  (select payload - 'id' from realtime.messages where topic = 'user:ada' and event = 'credits:changed' and private),
  (
    select jsonb_build_object(
      'version', r.version, 'at', r.created_at,
      'balance', to_jsonb(private.credit_balance_at('ada', clock_timestamp()))
    )
    from receipts as r where n = 5
  ),
  'the balance after all of them'
);
select is(
  (
    select payload - 'id' from realtime.messages
    where topic = 'user:ada' and event = 'usage:logged' and payload ->> 'thread_id' = 'a' and private
  ),
  (
    select jsonb_build_object(
      'version', r.version, 'at', r.created_at, 'usage_log_id', r.usage_log_id, 'thread_id', 'a',
      'credits', 5, 'count', 2,
      'thread', jsonb_build_object(
        'thread_id', 'a', 'credits', 6, 'prompt_tokens', 5, 'completion_tokens', 6, 'total_tokens', 11,
        'requests', 2, 'last_used_at', r.created_at
      )
    )
    from receipts as r where n = 5
  ),
  'the last log of a thread, with the thread''s totals'
);
select results_eq(
  'select distinct version from receipts where user_id = ''ada''', 'select version + 1 from before',
  'it is one transition of each user'
);
delete from realtime.messages;
select tests.act_as('service_role');
select record_usage_batch(
  '[{"user_id": "ada", "credits": 5, "thread_id": "a", "completion_tokens": 6, "idempotency_key": "k"}]'
);
select throws_ok(
  $$select record_usage_batch('[{"user_id": "bob", "credits": 0}, {"user_id": "bob", "credits": 1}]')$$,
  'PT402', 'insufficient_credits', 'given a refused one'
);
select tests.sign_out();
select is_empty('select from realtime.messages', 'nothing is told of what was refused or repeated');

select * from finish();
rollback;
