begin;
select plan(13);

update private.rollup_watermark set counted_until = '3';
select is(count(tests.log_usage('ada', 0.1, 5, age => '1 hour', xact_id => '7')), 3::bigint, 'given logs of ada')
from generate_series(1, 3);
select isnt(tests.log_usage('bob', 2, 1, age => '2 days', xact_id => '8'), null, 'one of bob');
select isnt(tests.log_usage('ada', 1), null, 'and one of a transaction that is not over');
select is((private.roll_up_usage(100)).done_count, 4, 'what is over is counted');
select is((private.roll_up_usage(100)).done_count, 0, 'once');
select results_eq(
  'select user_id, requests, prompt_tokens, total_tokens, credits from account_usage order by 1',
  $$values ('ada', 3::bigint, 15::bigint, 30::bigint, 0.3), ('bob', 1::bigint, 1::bigint, 2::bigint, 2::numeric)$$,
  'by account'
);
select results_eq(
  'select user_id, sum(requests), sum(credits) from usage_hourly group by 1 order by 1',
  $$values ('ada', 3::numeric, 0.3), ('bob', 1::numeric, 2::numeric)$$,
  'by hour'
);
select results_eq(
  $$select day from usage_daily where user_id = 'bob'$$,
  $$select ((now() - interval '2 days') at time zone 'UTC')::date$$,
  'and by day'
);
select is(
  hour, date_trunc('hour', now() - interval '1 hour', 'UTC'), 'whose bounds are those of UTC'
) from usage_hourly where user_id = 'ada';
select isnt(tests.log_usage('ada', 1, age => '1 hour', xact_id => '9'), null, 'a log that is older than what was counted');
update private.rollup_watermark set counted_until = '9';
select is((private.roll_up_usage(100)).done_count, 1, 'is counted all the same');
select is(credits, 1.3, 'on top') from account_usage where user_id = 'ada';
select tests.sign_in_as('bob');
select results_eq(
  'select user_id from account_usage union all select user_id from usage_hourly union all select user_id from usage_daily',
  array['bob', 'bob', 'bob'], 'everybody reads their own'
);

select * from finish();
rollback;
