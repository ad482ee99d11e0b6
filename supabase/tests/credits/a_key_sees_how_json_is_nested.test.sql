begin;
select plan(6);

select tests.act_as('service_role');
create temporary table first as
select * from record_usage(
  'ada', 0, metadata => '{"a": {"b": 1}, "c": 2.50, "d": "1.0\" 2.0"}', idempotency_key => 'key'
);
select is(
  (record_usage('ada', 0, metadata => '{"d": "1.0\" 2.0", "c": 2.5, "a": {"b": 1.0}}', idempotency_key => 'key')).usage_log_id,
  usage_log_id, 'the same values'
) from first;
select throws_ok(
  format($$select record_usage('ada', 0, metadata => %L, idempotency_key => 'key')$$, metadata),
  'PT409', 'idempotency_conflict', metadata
) from (values
  ('{"a": {"b": 1, "c": 2.5}, "d": "1.0\" 2.0"}'),
  ('{"a": {"b": 1}, "c": 2.05, "d": "1.0\" 2.0"}'),
  ('{"a": {"b": 1}, "c": 2.5, "d": "1\" 2.0"}'),
  ('{"a": {"b": "1"}, "c": 2.5, "d": "1.0\" 2.0"}'),
  ('{"a": {"b": 10}, "c": 2.5, "d": "1.0\" 2.0"}')
) as v (metadata);

select * from finish();
rollback;
