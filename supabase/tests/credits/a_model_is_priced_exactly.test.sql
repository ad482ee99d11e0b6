begin;
select plan(9);

insert into model_rates values
('large', '2000-01-01', 0.30, 1.25),
('large', now() - interval '1 hour', 0.000000000001, 7),
('large', now() + interval '1 hour', 100, 100),
('later', now() + interval '1 hour', 1, 1),
('free', '2000-01-01', 0, 0);
select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 1);
select is(
  (record_usage('ada', null, 'large', 1, 7)).credits, 0.049000000000001, 'the rate of now, to the last digit'
);
select is((record_usage('ada', null, 'large')).credits, 0::numeric, 'no tokens cost nothing');
select is((record_usage('ada', null, 'free', 2147483647, 2147483647)).credits, 0::numeric, 'nor does a free model');
select is((record_usage('ada', 0.1, 'unknown', 1, 7)).credits, 0.1, 'what is said goes before a price');
select throws_ok($$select record_usage('ada', null, 'unknown', 1)$$, 'PT404', 'rate_not_found', 'no rate');
select throws_ok($$select record_usage('ada', null, 'later', 1)$$, 'PT404', 'rate_not_found', 'none yet');
-- nothing is rounded on its way
select is((record_usage('ada', 0.00000000000000000001)).balance, 0.85099999999999899999, 'a sum of small ones is exact');
select tests.sign_in_as('ada');
select is((get_credit_balance()).used_this_period, 0.14900000000000100001, 'in every place');
select tests.sign_out();
select is_empty('select * from private.check_ledger()', 'and the ledger adds up');

select * from finish();
rollback;
