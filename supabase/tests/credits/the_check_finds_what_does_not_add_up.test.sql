begin;
select plan(11);

create temporary table lot as select * from grant_credits('ada', 10);
create temporary table held as select * from hold_credits('ada', 1);
create temporary table charged as select * from record_usage('ada', 2, thread_id => 't');
create temporary table deep as select * from record_usage('ada', 20, overdraft => true);
select is((grant_credits('ada', 30)).remaining, 18::numeric, 'given a history');
select is_empty('select * from private.check_ledger()', 'that adds up');

create function pg_temp.found(tampering text) returns boolean language plpgsql as $$
declare
  v_is_found boolean;
begin
  begin
    execute tampering;
    v_is_found := exists (select from private.check_ledger() where user_id = 'ada' and what is not null);
    raise exception using errcode = 'HG000';
  exception when sqlstate 'HG000' then
    return v_is_found;
  end;
end $$;
select ok(pg_temp.found(tampering), tampering) from (values
  ('update credit_grants set remaining = remaining - 1 where remaining > 0'),
  ('update private.credit_balances set balance = balance + 0.000000000000000001'),
  ('update private.credit_balances set held = held + 1'),
  ('update private.credit_balances set used = used + 1'),
  ('update private.credit_balances set next_due_at = ''infinity'''),
  ('delete from private.live_lots'),
  ('update private.live_lots set priority = 1'),
  ('update private.thread_totals set requests = 0'),
  ('insert into private.overdrafts values (gen_random_uuid(), ''ada'', 1, now())')
) as v (tampering);

select * from finish();
rollback;
