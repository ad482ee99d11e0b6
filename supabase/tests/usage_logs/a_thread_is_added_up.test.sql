begin;
select plan(7);

select tests.act_as('service_role');
select is((grant_credits('ada', 100)).credits, 100::numeric, 'given credits');
select is(count(*), 2::bigint, 'and two charges of a thread')
from generate_series(1, 2) as n
cross join lateral record_usage('ada', n + 0.5, prompt_tokens => 10, completion_tokens => n, thread_id => 'run') as r;
select tests.sign_in_as('ada');
select results_eq(
  $$select thread_id, credits, prompt_tokens, completion_tokens, total_tokens, requests, last_used_at is null
    from get_thread_usage('run')$$,
  $$values ('run', 4.0, 20::bigint, 3::bigint, 23::bigint, 2::bigint, false)$$,
  'they are added up to this instant'
);
select results_eq(
  'select * from get_thread_usage(''other'')',
  $$values ('other', 0::numeric, 0::bigint, 0::bigint, 0::bigint, 0::bigint, null::timestamptz)$$,
  'an unknown thread has used nothing'
);
select throws_ok('select get_thread_usage(null)', 'PT422', 'invalid_argument', 'a thread is needed');
select throws_ok(
  format('select get_thread_usage(%L)', repeat('x', 513)), 'PT413', 'payload_too_large', 'of a bearable length'
);
select tests.sign_in_as('bob');
select is((get_thread_usage('run')).requests, 0::bigint, 'a thread is its user''s');

select * from finish();
rollback;
