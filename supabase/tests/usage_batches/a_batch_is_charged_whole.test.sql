begin;
select plan(13);

select tests.act_as('service_role');
select grant_credits('ada', 10);
select id as hold_id from hold_credits('ada', 4) \gset
select is_empty('select record_usage_batch(''[]'')', 'nothing to record is fine');
prepare receipts as
select user_id, thread_id, credits, jsonb_array_length(lots), balance, available
from record_usage_batch(jsonb_build_array(
  '{"user_id": "ada", "credits": 2.5, "thread_id": "a"}'::jsonb,
  '{"user_id": "bob", "credits": "0.10", "overdraft": true}'::jsonb,
  jsonb_build_object('user_id', 'ada', 'credits', 3, 'hold_id', current_setting('tests.hold')),
  '{"user_id": "ada", "credits": 0, "model": "m", "prompt_tokens": 7, "completion_tokens": 8}'::jsonb
));
select set_config('tests.hold', :'hold_id', true);
select results_eq(
  'receipts',
  $$values
    ('ada', 'a', 2.5, 1, 7.5, 3.5),
    ('bob', null, 0.10, 0, -0.10, -0.10),
    ('ada', null, 3, 1, 4.5, 4.5),
    ('ada', null, 0, 0, 4.5, 4.5)$$,
  'a receipt for each entry, in their order, each with the balance after it'
);
select is((select status from credit_holds where id = :'hold_id'), 'settled', 'its hold is settled');
select results_eq(
  $$select user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata
  from usage_logs order by user_id, id$$,
  $$values
    ('ada', 'a', 'completion', null, 0, 0, 2.5, '{}'::jsonb),
    ('ada', null, 'completion', null, 0, 0, 3, '{}'),
    ('ada', null, 'completion', 'm', 7, 8, 0, '{}'),
    ('bob', null, 'completion', null, 0, 0, 0.10, '{}')$$,
  'what is left out has its default; the later of one instant has the greater id'
);
select throws_ok(
  $$select record_usage_batch('[
    {"user_id": "ada", "credits": 4}, {"user_id": "bob", "credits": 0}, {"user_id": "ada", "credits": 1}
  ]')$$,
  'PT402', 'insufficient_credits', 'what is too much for those before it is refused'
);
select throws_ok(
  format(
    'select record_usage_batch(%L)',
    jsonb_build_array(
      '{"user_id": "ada", "credits": 1}'::jsonb,
      jsonb_build_object('user_id', 'ada', 'credits', 1, 'hold_id', :'hold_id')
    )
  ),
  'PT409', 'hold_closed', 'a hold that is over'
);
select id as second_id from hold_credits('ada', 1) \gset
select throws_ok(
  format(
    'select record_usage_batch(%L)',
    (
      select jsonb_agg(jsonb_build_object('user_id', 'ada', 'credits', 0.1, 'hold_id', :'second_id'))
      from generate_series(1, 2)
    )
  ),
  'PT409', 'hold_closed', 'a hold that an entry before has settled'
);
select throws_ok(
  format(
    'select record_usage_batch(%L)',
    jsonb_build_array(jsonb_build_object('user_id', 'bob', 'credits', 0, 'hold_id', :'second_id'))
  ),
  'PT404', 'hold_not_found', 'somebody else''s hold'
);
select throws_ok(
  $$select record_usage_batch('[{"user_id": "ada", "credits": 100}, {"user_id": "ada", "model": "x"}]')$$,
  'PT404', 'rate_not_found', 'what is not found comes before what is not admitted'
);
select is((select count(*) from usage_logs), 4::bigint, 'none of the refused ones left anything');
select tests.sign_in_as('ada');
select is((get_credit_balance()).balance, 4.5, 'neither in the balance');
select is((get_credit_balance()).held, 1.0, 'nor in what is held');
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'the books add up');

select * from finish();
rollback;
