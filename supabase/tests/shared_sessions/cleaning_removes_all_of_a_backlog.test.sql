begin;
select plan(2);

select tests.sign_in_as('ada');
select public.create_reading_session('Room ' || n) from generate_series(1, 2100) as n;
select tests.sign_out();
update public.session_participants
set joined_at = joined_at - interval '2 hours', last_seen_at = last_seen_at - interval '2 hours';
update private.rooms set created_at = created_at - interval '2 hours', check_at = check_at - interval '2 hours';

select tests.act_as('service_role');
select is(public.cleanup_inactive_sessions(), 2100, 'more than a batch goes in one call');
select is(public.cleanup_inactive_sessions(), 0, 'and nothing is left');

select * from finish();
rollback;
