begin;
select plan(15);

insert into plans (id, name, period, credits_per_period) values
('basic', 'Basic', '30 days', 10), ('pro', 'Pro', '30 days', 100), ('weekly', 'Weekly', '7 days', 120);
select is((set_account('ada', 'basic')).plan_id, 'basic', 'given');
create temporary table charged as select * from record_usage('ada', 4);
delete from realtime.messages;

-- up
create temporary table raised as select * from set_account('ada', 'pro');
select results_eq(
  $$select event, payload -> 'version', payload #> '{balance,balance}' from realtime.messages
  where event = 'credits:changed'$$,
  $$select 'credits:changed'::text, to_jsonb(version), '96'::jsonb from raised$$, 'the difference, told at once'
);
select results_eq(
  $$select balance, used_this_period, version from private.credit_balance_at('ada', clock_timestamp())$$,
  'select 96::numeric, 4::numeric, version from raised', 'with the version of the change'
);
-- down, and up again
delete from realtime.messages;
select is((set_account('ada', 'basic')).plan_id, 'basic', 'down');
select is((set_account('ada', 'pro')).plan_id, 'pro', 'up again');
select is_empty($$select * from realtime.messages where event = 'credits:changed'$$, 'grants nothing and tells nothing');
select is((private.credit_balance_at('ada', clock_timestamp())).balance, 96::numeric, 'nor takes anything');
-- by plain SQL
update accounts set plan_id = 'weekly' where user_id = 'ada';
select results_eq(
  $$select balance, used_this_period from private.credit_balance_at('ada', clock_timestamp())$$,
  'values (116::numeric, 4::numeric)', 'another period as well, beyond the most that was granted'
);
select is(count(*), 3::bigint, 'in a lot of its own') from credit_grants where source = 'plan';
-- a plan that is edited
update plans set credits_per_period = 125 where id = 'weekly';
select is((private.credit_balance_at('ada', clock_timestamp())).balance, 121::numeric, 'a read counts an edit');
select is((record_usage('ada', 0)).balance, 121::numeric, 'the next touch stores it');
update plans set credits_per_period = 1 where id = 'weekly';
select is((record_usage('ada', 0)).balance, 121::numeric, 'and takes nothing back');
-- what was owed before the change is granted first
select is((set_account('bob', 'pro')).plan_id, 'pro', 'given somebody who never called');
select is((set_account('bob', 'basic')).plan_id, 'basic', 'and is moved down');
select is_empty('select * from private.check_ledger()', 'the ledger adds up');

select * from finish();
rollback;
