begin;
select plan(6);

update private.rollup_watermark set counted_until = '3';
select isnt(tests.log_usage('ada', 1, xact_id => '7'), null, 'given a log to count');
select isnt(id, null, 'and a lot that ran out') from grant_credits('ada', 5, expires_at => clock_timestamp() + interval '1 hour');
update private.credit_balances set next_due_at = now() - interval '1 second';
update private.live_lots set expires_at = now() - interval '1 second';
update credit_grants set expires_at = now() - interval '1 second';
delete from realtime.messages;
select is((private.run_due()).done_count, 1, 'what is due is done');
select is_empty('select 1 from account_usage where requests > 0', 'and nothing is counted in its transaction');
select is_empty($$select 1 from realtime.messages where topic = 'admin:usage'$$, 'or announced');
select is((private.roll_up_usage(10)).done_count, 1, 'that is a job of its own');

select * from finish();
rollback;
