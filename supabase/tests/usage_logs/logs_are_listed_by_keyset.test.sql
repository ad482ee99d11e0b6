begin;
select plan(10);

create temporary table made as
select
  n,
  tests.log_usage('ada', n, age => make_interval(mins => 10 - n), thread_id => case when n > 3 then 't' end) as id
from generate_series(1, 5) as n;
grant select on made to authenticated;
select isnt(tests.log_usage('bob'), null, 'given logs of two people');
select isnt(tests.log_usage('ada', age => '500 days'), null, 'and one past usage_log_retention');
select tests.sign_in_as('ada');
select results_eq(
  'select credits from list_usage_logs(page_size => 3)', array[5, 4, 3]::numeric[], 'one sees one''s own, newest first'
);
select results_eq(
  $$select l.credits from (select * from list_usage_logs(page_size => 3) order by created_at limit 1) as last
    cross join lateral list_usage_logs(last.created_at, last.id, 3) as l$$,
  array[2, 1]::numeric[],
  'the next page begins where the first ended'
);
select results_eq('select credits from list_usage_logs(thread_id => ''t'')', array[5, 4]::numeric[], 'of a thread');
select throws_ok('select list_usage_logs(page_size => 201)', 'PT422', 'invalid_argument', 'the page is bounded');
select throws_ok(
  format('select list_usage_logs(before_id => %L)', gen_random_uuid()), 'PT422', 'invalid_argument', 'an id needs its time'
);
select throws_ok(
  format('select list_usage_logs(thread_id => %L)', repeat('x', 513)), 'PT413', 'payload_too_large', 'and so is the thread'
);
select is_empty('select * from usage_logs where user_id <> ''ada''', 'nobody reads the table of others');
select tests.act_as('service_role');
select throws_ok('select list_usage_logs()', 'PT401', 'not_signed_in', 'a service key is nobody');

select * from finish();
rollback;
