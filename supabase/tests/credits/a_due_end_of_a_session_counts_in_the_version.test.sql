begin;
select plan(7);

select tests.sign_in_as('ada');
create temporary table began as select * from start_usage_session();
select tests.sign_out();
select tests.age('ada', '1 hour');
select tests.sign_in_as('ada');
select is((get_credit_balance()).version, 2::bigint, 'a read counts the end that nothing has stored');
select is((get_credit_balance()).version, (get_usage_state()).version, 'as a read of the session does');
select tests.act_as('service_role');
select is((record_usage('ada', 0)).version, 3::bigint, 'a charge comes after it');
select tests.sign_out();
select is(status, 'expired', 'and has stored it') from usage_sessions;
select is(ended_at, started_at + interval '90 seconds', 'where it was') from usage_sessions;
select results_eq(
  $$select event, payload -> 'version' from realtime.messages where topic = 'user:ada' order by payload -> 'version', event$$,
  $$values ('session:created', '1'::jsonb), ('session:closed', '2'), ('credits:changed', '3'), ('usage:logged', '3')$$,
  'told in this order'
);
select is(done_count, 0, 'the sweep has nothing left') from private.run_due();

select * from finish();
rollback;
