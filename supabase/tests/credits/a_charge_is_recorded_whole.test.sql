begin;
select plan(9);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10);
create temporary table receipt as
select * from record_usage(
  'ada', 2.5, 'tiny', 10, 4, 'thread', 'embedding', '{"a": 1}'
);
select results_eq(
  'select user_id, thread_id, credits, balance, available, version, refunded_at from receipt',
  $$values ('ada', 'thread', 2.5, 7.5, 7.5, 2::bigint, null::timestamptz)$$,
  'the receipt'
);
select is(lots, jsonb_build_array(jsonb_build_object('grant_id', id, 'credits', 2.5)), 'and its lots')
from receipt, lot;
select results_eq(
  $$select id, user_id, thread_id, kind, model, prompt_tokens, completion_tokens, credits, metadata, created_at
  from usage_logs$$,
  $$select usage_log_id, 'ada', 'thread', 'embedding', 'tiny', 10, 4, 2.5, '{"a": 1}'::jsonb, created_at
  from receipt$$,
  'the log'
);
select results_eq(
  'select user_id, grant_id, usage_log_id, kind, credits, created_at from credit_usage',
  $$select 'ada', id, usage_log_id, 'charge', 2.5, receipt.created_at from receipt, lot$$,
  'the ledger line'
);
select is(remaining, 7.5, 'the lot') from credit_grants;
select is((record_usage('ada', 1, thread_id => 'thread', prompt_tokens => 3)).version, 3::bigint, 'once more');
select tests.sign_out();
select results_eq(
  'select thread_id, credits, prompt_tokens, completion_tokens, requests from private.thread_totals',
  $$values ('thread', 3.5, 13::bigint, 4::bigint, 2::bigint)$$,
  'the thread has both'
);
select tests.sign_in_as('ada');
select is((get_credit_balance()).used_this_period, 3.5, 'the period too');
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
