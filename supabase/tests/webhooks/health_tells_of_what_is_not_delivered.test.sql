begin;
select plan(5);

create function pg_temp.is_well() returns boolean language sql as $$
  select ok from private.check_deliveries(clock_timestamp());
$$;
insert into webhook_endpoints (url) values ('https://a.example');
select set_account('ada');
select private.notify('ada', 'usage_capped', '', '{}', clock_timestamp());
select is(pg_temp.is_well(), true, 'it waits');
update private.webhook_deliveries set queued_at = queued_at - interval '16 minutes';
select is(pg_temp.is_well(), false, 'for too long');
update webhook_endpoints set enabled = false;
select is(pg_temp.is_well(), true, 'as is meant while its endpoint is disabled');
update webhook_endpoints set enabled = true;
update private.webhook_deliveries set status = 'dead', finished_at = now();
select is(pg_temp.is_well(), false, 'it was given up');
select private.replay_deliveries(1);
select is(pg_temp.is_well(), true, 'and is tried anew');

select * from finish();
rollback;
