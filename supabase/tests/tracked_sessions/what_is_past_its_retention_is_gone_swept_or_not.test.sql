begin;
select plan(5);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '90 days');
select tests.sign_in_as('ada');
select is(
  get_user_session_stats(365), row(0, 0, 0, '{}', '{}', null, 0)::session_stats, 'statistics know nothing of it'
);
select throws_ok(format('select end_user_session(%L)', id), 'PT404', 'session_not_found', 'nor does any call') from s;
select tests.sign_out();
select is(private.end_unseen_user_sessions() + private.remove_old_user_sessions(), 2, 'swept');
select tests.sign_in_as('ada');
select is(
  get_user_session_stats(365), row(0, 0, 0, '{}', '{}', null, 0)::session_stats, 'the answers are the same'
);
select throws_ok(format('select end_user_session(%L)', id), 'PT404', 'session_not_found', 'both') from s;

select * from finish();
rollback;
