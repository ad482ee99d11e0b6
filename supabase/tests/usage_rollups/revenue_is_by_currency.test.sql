begin;
select plan(6);

select is(user_id, 'ada', 'given somebody') from set_account('ada');
select lives_ok(
  $$select private.add_revenue('ada', 'EUR', 10.5, 1), private.add_revenue('ada', 'USD', 5, 1)$$, 'who paid twice'
);
select tests.act_as('service_role');
select is(
  tests.overview_row('ada') -> 'revenue', '{"EUR": 10.5, "USD": 5}', 'revenue is kept apart by currency'
);
select is(total_revenue, '{"EUR": 10.5, "USD": 5}', 'in the totals too') from get_usage_overview();
select tests.sign_out();
select lives_ok(
  $$select private.add_revenue('ada', 'EUR', -10.5, -1), private.add_revenue('ada', 'USD', -5, -1)$$, 'all of it given back'
);
select tests.act_as('service_role');
select is(
  tests.overview_row('ada') - '{user_id,email,display_name,user_type,plan_id,last_active_at}'::text[],
  '{"requests": 0, "total_tokens": 0, "credits": 0, "activity": "dormant", "has_completed_payment": false, "revenue": {}}',
  'leaves nothing'
);

select * from finish();
rollback;
