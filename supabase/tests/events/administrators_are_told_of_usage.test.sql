begin;
select plan(12);

select lives_ok('select private.hint_usage_changed(), private.hint_usage_changed()', 'given two charges');
select results_eq(
  $$select topic, event, private, payload ? 'at' from realtime.messages$$,
  $$values ('worker', 'usage:changed', true, true)$$, 'the worker is told once a second'
);
delete from realtime.messages;
select isnt(tests.log_usage('ada', 1.5, 10), null, 'what they charged');
create temporary table first as select * from private.announce_overview();
select results_eq(
  $$select topic, event, private,
      payload - '{id,at,fresh_as_of}'::text[], payload ? 'at' and payload ->> 'at' = payload ->> 'fresh_as_of'
    from realtime.messages$$,
  $$select 'admin:usage', 'usage:changed', true,
    '{"total_users": 1, "total_requests": 1, "total_tokens": 20, "total_credits": 1.5, "total_revenue": {}}'::jsonb, true$$,
  'administrators hear the totals'
);
select ok(next_deadline_at > clock_timestamp(), 'then it looks again') from first;
delete from realtime.messages;
select isnt(tests.log_usage('ada', 1), null, 'more');
select is((private.announce_overview()).done_count, 0, 'waits for admin_refresh');
update private.usage_announcements set looked_at = looked_at - interval '500 milliseconds', took = '0';
select is((private.announce_overview()).done_count, 1, 'and is told then');
update private.usage_announcements set looked_at = looked_at - interval '5 seconds', took = '0';
update private.usage_watch set watched_until = watched_until - interval '5 seconds';
select results_eq(
  'select * from private.announce_overview()', 'values (0, null::timestamptz)', 'no change is not told, nor looked for'
);
select is((set_account('bob')).user_id, 'bob', 'somebody new');
select is((private.announce_overview()).done_count, 0, 'who uses nothing is no news');
select is(count(*), 1::bigint, 'one message for each change that was told') from realtime.messages;

select * from finish();
rollback;
