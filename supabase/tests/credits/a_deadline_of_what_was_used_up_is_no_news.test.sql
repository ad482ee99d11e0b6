begin;
select plan(5);

select tests.act_as('service_role');
select grant_credits('ada', 10, expires_at => now() + interval '1 hour');
create temporary table held as select (hold_credits('ada', 4, '1 hour')).id;
create temporary table settled as select r.* from held, record_usage('ada', 4, hold_id => id) as r;
create temporary table first as select * from record_usage('ada', 6, idempotency_key => 'k');
select tests.sign_out();
select tests.age('ada', '2 hours');
delete from realtime.messages;
select tests.act_as('service_role');
select is((record_usage('ada', 6, idempotency_key => 'k')).usage_log_id, (select usage_log_id from first), 'a repetition');
select is((release_hold(id)).status, 'settled', 'and a release after a lot and a hold would have run out') from held;
select tests.sign_out();
select is_empty('select topic, event from realtime.messages', 'tell nothing: there was nothing left of them');
insert into plans (id, name) values ('pro', 'Pro');
select grant_credits('ada', 1, expires_at => now() + interval '1 hour');
select record_usage('ada', 1);
select tests.age('ada', '2 hours');
delete from realtime.messages;
select is((set_account('ada', 'pro')).plan_id, 'pro', 'nor does a change of plan');
select is_empty($$select * from realtime.messages where event = 'credits:changed'$$, 'that grants nothing');

select * from finish();
rollback;
