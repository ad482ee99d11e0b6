begin;
select plan(3);

select isnt(tests.log_usage('ada', 1), null, 'given usage that was not told');
update private.usage_announcements set looked_at = clock_timestamp() - interval '5 minutes', took = '1 minute 30 seconds';
select results_eq(
  $$select done_count, next_deadline_at between now() + interval '59 seconds' and now() + interval '61 seconds'
    from private.announce_overview()$$,
  'values (0, true)', 'after a look that took long comes a pause four times as long'
);
update private.usage_announcements set looked_at = looked_at - interval '2 minutes';
select is((private.announce_overview()).done_count, 1, 'and then they are told');

select * from finish();
rollback;
