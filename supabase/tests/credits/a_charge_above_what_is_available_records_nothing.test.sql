begin;
select plan(9);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10);
create temporary table held as select * from hold_credits('ada', 4);
select throws_ok($$select record_usage('ada', 6.01, thread_id => 't')$$, 'PT402', 'insufficient_credits', 'a charge');
select throws_ok($$select hold_credits('ada', 6.01)$$, 'PT402', 'insufficient_credits', 'a hold');
select throws_ok($$select record_usage('bob', 1)$$, 'PT402', 'insufficient_credits', 'of somebody new');
do $$
declare
  v_detail text;
begin
  perform record_usage('ada', 6.01);
exception when sqlstate 'PT402' then
  get stacked diagnostics v_detail = pg_exception_detail;
  perform set_config('tests.detail', v_detail, true);
end $$;
select ok(
  current_setting('tests.detail') like '%6.01%' and current_setting('tests.detail') ~ '\m6\M',
  'the detail has what is needed and what is available'
);
select is_empty('select * from usage_logs', 'no log');
select is_empty('select * from credit_usage', 'no line');
select is((record_usage('ada', 6)).available, 0::numeric, 'all of it is fine');
select is((record_usage('ada', 0)).credits, 0::numeric, 'and what costs nothing always is');
select tests.sign_out();
select is(version, 4::bigint, 'what was refused counts for nothing') from accounts where user_id = 'ada';

select * from finish();
rollback;
