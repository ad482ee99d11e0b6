begin;
select plan(4);

insert into private.overview_changes (user_type, measure, amount)
select 'external', 'requests', 1 from generate_series(1, 10001);
select ok(next_deadline_at <= clock_timestamp(), 'what one run leaves is due at once') from private.roll_up_usage(100);
select is(count(*), 1::bigint, 'given more changes than it adds up') from private.overview_changes;
select is(next_deadline_at, null, 'until nothing is left') from private.roll_up_usage(100);
select is(
  (private.total_overview(null, '{}')).total_requests, 10001::bigint, 'and each is counted once'
);

select * from finish();
rollback;
