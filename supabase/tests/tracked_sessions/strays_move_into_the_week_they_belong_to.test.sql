begin;
select plan(8);

select is(count(*), 6::bigint, 'this week, four ahead and the default')
from pg_inherits where inhparent = 'session_events'::regclass;
select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select tests.sign_out();
select tests.age('ada', '14 days');
select is(count(*), 1::bigint, 'given an event of a week that nobody made') from private.session_events_default;
select is((private.make_partitions('session_events', 'week', 4)).moved_count, 1, 'it moves');
select is_empty('select 1 from private.session_events_default', 'out of the default partition');
select is(count(*), 1::bigint, 'and is read as before') from session_events where session_id = (select id from s);
select is(
  (select (made_count, moved_count) from private.make_partitions('session_events', 'week', 4)), row(0, 0),
  'again there is nothing to do'
);
select is((private.make_partitions('session_events', 'week', 10)).made_count, 6, 'more can be made ahead');
select is(private.drop_old_events(), 0::bigint, 'within event_retention nothing is dropped');

select * from finish();
rollback;
