begin;
select plan(5);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session();
select tests.sign_out();
select tests.age('ada', '60 days');
select is((private.make_partitions('session_events', 'week', 4)).moved_count, 1, 'given a week long ago');
select is(private.drop_old_events(), 1::bigint, 'its events go');
select is(count(*), 6::bigint, 'with their partition') from pg_inherits where inhparent = 'session_events'::regclass;
insert into session_events
select gen_random_uuid(), id, 'stray', '{}', now() - interval '50 days', now() - interval '50 days' from s;
select is(private.drop_old_events(), 1::bigint, 'strays as well');
select is_empty('select 1 from session_events', 'nothing is left');

select * from finish();
rollback;
