begin;
select plan(4);

select tests.sign_in_as('ada');
create temporary table s as select * from start_user_session(app_section => 'home');
select tests.sign_out();
select tests.age('ada', '5 minutes');
select tests.sign_in_as('ada');
select is((update_session_section(id, 'map')).app_section, 'map', 'given a session of two sections') from s;
select tests.sign_out();
select tests.age('ada', '2 hours');
select tests.sign_in_as('ada');
create temporary table before as select get_user_session_stats() as stats;
select tests.sign_out();
select is(private.end_unseen_user_sessions(), 1, 'swept');
select is(private.end_unseen_user_sessions(), 0, 'once');
select tests.sign_in_as('ada');
select results_eq('select get_user_session_stats()', 'select stats from before', 'nothing else is answered');

select * from finish();
rollback;
