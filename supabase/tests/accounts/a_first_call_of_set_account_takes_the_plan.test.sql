begin;
select plan(2);

insert into plans (id, name, limit_seconds) values ('pro', 'Pro', 7200);
select tests.act_as('service_role');
select is((a).plan_id, 'pro', 'created on the given plan') from set_account('ada', 'pro') as a;
select is((a).version, 0::bigint, 'which is no change of plan') from set_account('ada', 'pro') as a;

select * from finish();
rollback;
