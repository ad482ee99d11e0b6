begin;
select plan(10);

select tests.act_as('service_role');
select is((a).email, 'ada@example.com', 'made') from set_account('ada', email => 'ada@example.com') as a;
select is((a).plan_id, 'free', 'on the default plan') from set_account('ada', display_name => 'Ada') as a;
select results_eq(
  $$select email, display_name, user_type from set_account('ada', user_type => 'internal')$$,
  $$values ('ada@example.com', 'Ada', 'internal')$$,
  'only what is given changes'
);
select throws_ok(call, code, slug, call) from (values
  ($$select set_account(null)$$, 'PT422', 'invalid_argument'),
  ($$select set_account('')$$, 'PT422', 'invalid_argument'),
  ($$select set_account(repeat('x', 257))$$, 'PT422', 'invalid_argument'),
  ($$select set_account(repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select set_account('ada', email => repeat('x', 513))$$, 'PT413', 'payload_too_large'),
  ($$select set_account('ada', user_type => 'alien')$$, 'PT422', 'invalid_argument'),
  ($$select set_account('ada', 'none')$$, 'PT404', 'plan_not_found')
) as v (call, code, slug);

select * from finish();
rollback;
