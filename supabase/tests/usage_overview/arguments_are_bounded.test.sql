begin;
select plan(18);

select is(user_id, 'ada', 'given somebody') from set_account('ada');
select tests.act_as('service_role');
select throws_ok('select get_usage_overview(' || a || ')', 'PT422', 'invalid_argument', a)
from unnest(array[
  'page => 0', 'page => null', 'page_size => 0', 'page_size => 201', 'page_size => null', 'sort => null',
  'sort => ''age''', 'user_type => ''admin''', 'activity => ''''', 'activity => ''busy'''
]) as a;
select throws_ok(
  format('select get_usage_overview(%s => repeat(''x'', 513))', a), 'PT413', 'payload_too_large', a || ' is over-long'
) from unnest(array['search', 'user_type', 'activity', 'sort']) as a;
select is(rows, '[]', 'a page far behind the last is empty') from get_usage_overview(2147483647, 200);
select is(total_rows, 1::bigint, 'and has the totals') from get_usage_overview(2147483647, 200, 'a');
select is(total_rows, 1::bigint, 'an empty search is none') from get_usage_overview(search => '');

select * from finish();
rollback;
