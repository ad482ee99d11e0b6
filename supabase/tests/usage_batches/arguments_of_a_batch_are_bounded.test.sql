begin;
select plan(57);

select tests.act_as('service_role');
select throws_ok(
  format('select record_usage_batch(%L)', entries), 'PT422', 'invalid_argument', left(entries, 80)
) from unnest(array[
  'null',
  '{}',
  '7',
  '"x"',
  '[null]',
  '[7]',
  '["x"]',
  '[[]]',
  '[{}]',
  '[{"user_id": null, "credits": 1}]',
  '[{"user_id": 7, "credits": 1}]',
  '[{"user_id": "", "credits": 1}]',
  '[{"user_id": ["ada"], "credits": 1}]',
  '[{"user_id": "ada"}]',
  '[{"user_id": "ada", "credits": null}]',
  '[{"user_id": "ada", "credits": null, "model": null}]',
  '[{"user_id": "ada", "credits": -1}]',
  '[{"user_id": "ada", "credits": -0.001}]',
  '[{"user_id": "ada", "credits": 1e100}]',
  '[{"user_id": "ada", "credits": 1e400}]',
  '[{"user_id": "ada", "credits": 1e-101}]',
  '[{"user_id": "ada", "credits": "ten"}]',
  '[{"user_id": "ada", "credits": "NaN"}]',
  '[{"user_id": "ada", "credits": "Infinity"}]',
  '[{"user_id": "ada", "credits": ""}]',
  '[{"user_id": "ada", "credits": true}]',
  '[{"user_id": "ada", "credits": {"n": 1}}]',
  '[{"user_id": "ada", "credits": 1, "model": 7}]',
  '[{"user_id": "ada", "credits": 1, "prompt_tokens": null}]',
  '[{"user_id": "ada", "credits": 1, "prompt_tokens": -1}]',
  '[{"user_id": "ada", "credits": 1, "prompt_tokens": 0.5}]',
  '[{"user_id": "ada", "credits": 1, "prompt_tokens": 2147483648}]',
  '[{"user_id": "ada", "credits": 1, "prompt_tokens": 1e30}]',
  '[{"user_id": "ada", "credits": 1, "prompt_tokens": "7"}]',
  '[{"user_id": "ada", "credits": 1, "completion_tokens": -1}]',
  '[{"user_id": "ada", "credits": 1, "completion_tokens": 1e9000}]',
  '[{"user_id": "ada", "credits": 1, "completion_tokens": []}]',
  '[{"user_id": "ada", "credits": 1, "thread_id": 7}]',
  '[{"user_id": "ada", "credits": 1, "kind": null}]',
  '[{"user_id": "ada", "credits": 1, "kind": false}]',
  '[{"user_id": "ada", "credits": 1, "metadata": null}]',
  '[{"user_id": "ada", "credits": 1, "metadata": []}]',
  '[{"user_id": "ada", "credits": 1, "metadata": "{}"}]',
  '[{"user_id": "ada", "credits": 1, "idempotency_key": 7}]',
  '[{"user_id": "ada", "credits": 1, "hold_id": "zz"}]',
  '[{"user_id": "ada", "credits": 1, "hold_id": 7}]',
  '[{"user_id": "ada", "credits": 1, "overdraft": null}]',
  '[{"user_id": "ada", "credits": 1, "overdraft": "true"}]',
  '[{"user_id": "ada", "credits": 1, "idempotencykey": "x"}]'
]) as entries;
select throws_ok(
  'select record_usage_batch(null)', 'PT422', 'invalid_argument', 'entries are needed'
);
select throws_ok(
  format('select record_usage_batch(%L)', entries), 'PT413', 'payload_too_large', left(entries::text, 80)
) from unnest(array[
  (select jsonb_agg('{"user_id": "ada", "credits": 0}'::jsonb) from generate_series(1, 1001)),
  jsonb_build_array(jsonb_build_object('user_id', repeat('x', 513), 'credits', 1)),
  jsonb_build_array(jsonb_build_object('user_id', 'ada', 'credits', 1, 'thread_id', repeat('x', 513))),
  jsonb_build_array(jsonb_build_object('user_id', 'ada', 'credits', 1, 'kind', repeat('x', 17000))),
  jsonb_build_array(jsonb_build_object('user_id', 'ada', 'credits', 1, 'metadata', '{"n": 1e20000}'::jsonb))
]) as entries;
create function pg_temp.detail_of(entries jsonb) returns text language plpgsql as $$
declare
  v_detail text;
begin
  perform public.record_usage_batch(entries);
  return null;
exception when others then
  get stacked diagnostics v_detail = pg_exception_detail;
  return v_detail;
end
$$;
select matches(
  pg_temp.detail_of('[{"user_id": "ada", "credits": 1}, {"user_id": "ada", "credits": -1}]'),
  '^entries\[1\]\.credits ', 'the detail names the entry and its field'
);
select tests.sign_out();
select is_empty('select from accounts where user_id = ''ada''', 'nothing is recorded of any entry');

select * from finish();
rollback;
