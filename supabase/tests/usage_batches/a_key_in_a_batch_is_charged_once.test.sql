begin;
select plan(11);

select tests.act_as('service_role');
select grant_credits('ada', 10, idempotency_key => 'g');
create temporary table single as select * from record_usage('ada', 1.0, metadata => '{"a": 1, "b": 2}', idempotency_key => 'x');
create temporary table batch as
select row_number() over () as n, r.* from record_usage_batch('[
  {"user_id": "ada", "credits": 2, "idempotency_key": "y"},
  {"user_id": "ada", "credits": 1, "metadata": {"b": 2, "a": 1.0}, "kind": "completion", "idempotency_key": "x"},
  {"user_id": "bob", "credits": 0, "idempotency_key": "y"},
  {"user_id": "ada", "credits": "2.0", "idempotency_key": "y"}
]') as r;
select results_eq(
  $$select usage_log_id, credits, lots, balance, available, version, created_at from batch where n = 2$$,
  $$select usage_log_id, credits, lots, balance, available, version, created_at from single$$,
  'an entry equals the single call: it is answered its first receipt'
);
select is(
  (select b from (select usage_log_id, balance from batch where n = 4) as b),
  (select b from (select usage_log_id, balance from batch where n = 1) as b),
  'and one that an entry before has used the first of the batch'
);
select is((select usage_log_id <> (select usage_log_id from batch where n = 1) from batch where n = 3), true,
  'keys are each user''s own');
select is((select count(*) from usage_logs where user_id = 'ada'), 2::bigint, 'two charges');
select is(
  (record_usage('ada', 2, idempotency_key => 'y')).usage_log_id, (select usage_log_id from batch where n = 1),
  'the single call equals the entry'
);
select record_usage('ada', 7);
select is(
  (select usage_log_id from record_usage_batch('[{"user_id": "ada", "credits": 2, "idempotency_key": "y"}]')),
  (select usage_log_id from batch where n = 1),
  'also after the balance ran out'
);
select throws_ok(
  format('select record_usage_batch(%L)', entries), 'PT409', 'idempotency_conflict', entries
) from unnest(array[
  '[{"user_id": "ada", "credits": 3, "idempotency_key": "y"}]',
  '[{"user_id": "ada", "credits": 0, "idempotency_key": "g"}]',
  '[{"user_id": "eve", "credits": 0, "idempotency_key": "z"}, {"user_id": "eve", "credits": 0, "idempotency_key": "z", "kind": "x"}]'
]) as entries;
select tests.sign_out();
select is_empty('select from accounts where user_id = ''eve''', 'and nothing is left of those');
select is_empty('select * from private.check_ledger()', 'the books add up');

select * from finish();
rollback;
