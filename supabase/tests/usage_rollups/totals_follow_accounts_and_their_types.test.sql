begin;
select plan(9);

update private.rollup_watermark set counted_until = '3';
select isnt(tests.log_usage('ada', 2, 3, xact_id => '7'), null, 'given somebody with usage');
select lives_ok($$select private.add_revenue('ada', 'EUR', 9.99, 1)$$, 'who paid');
create function pg_temp.totals(user_type text) returns text language sql as $$
  select concat_ws(' ', total_rows, total_users, total_requests, total_tokens, total_credits, total_revenue)
  from private.total_overview(user_type, private.usage_tail());
$$;
select is(pg_temp.totals('external'), '1 1 1 6 2 {"EUR": 9.99}', 'the totals have it before the count');
select is((private.roll_up_usage(10)).done_count, 1, 'the count');
select is(pg_temp.totals('external'), '1 1 1 6 2 {"EUR": 9.99}', 'changes none');
select is(user_type, 'internal', 'another type') from set_account('ada', user_type => 'internal', display_name => 'Ada L.');
select is(
  pg_temp.totals('external') || ' / ' || pg_temp.totals('internal'), '0 1 0 0 0 {} / 1 1 1 6 2 {"EUR": 9.99}',
  'takes everything with it'
);
select is(name, 'ada l.', 'and the name that it is sorted by follows') from account_usage;
select is((private.roll_up_usage(10)).done_count, 0, 'nothing is counted again');

select * from finish();
rollback;
