begin;
select plan(5);

update private.settings set archive_before_drop = true;
update private.rollup_watermark set counted_until = '8';
select tests.log_usage('ada', age => '500 days', xact_id => '7');
select tests.log_usage('bob', age => '500 days', xact_id => '7');
select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select tests.sign_out();
select tests.age('ada', '50 days');
select private.set_partitions_aside();
select tests.act_as('service_role');
select lives_ok($$select erase_user('cyd')$$, 'given somebody else is erased');
select tests.sign_out();
select is((select sum(change_count) from private.archives), 0::numeric, 'which changes nothing');
select tests.act_as('service_role');
create temporary table e as select erase_user('ada') as counts;
select tests.sign_out();
select is((select sum(change_count) from private.archives), 2::numeric, 'the erasure is');
select is(
  (select sum((private.sums_of_partition(name)).row_count) from private.archives where table_name = 'usage_logs'),
  1::numeric, 'another''s log stays'
);
select is(
  (select sum((private.sums_of_partition(name)).row_count) from private.archives where table_name = 'session_events'),
  0::numeric, 'events go too'
);

select * from finish();
rollback;
