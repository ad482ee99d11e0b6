begin;
select plan(7);

do $$
begin
  execute 'drop table realtime.messages_' || to_char(now() at time zone 'UTC', 'YYYY_MM_DD');
end
$$;
set local client_min_messages = error;  -- realtime.send warns, and no more
select is(tests.what_is_wrong(), '{realtime_partition}', 'it is told');
select tests.sign_in_as('ada');
select is((start_usage_session()).status, 'active', 'a session starts');
select tests.sign_out();
select tests.age('ada', '100 seconds');
select tests.sign_in_as('ada');
select is((get_usage_state()).status, 'expired', 'is over at its instant');
select tests.sign_out();
select is((private.close_due_sessions(10)).done_count, 1, 'is swept');
select is(active_time, interval '90 seconds', 'and counted') from usage_sessions;
select tests.act_as('service_role');
select is((record_usage('ada', 0)).credits, 0::numeric, 'as usage is');
select tests.sign_out();
select is_empty('select * from realtime.messages', 'only that nobody hears of it');

select * from finish();
rollback;
