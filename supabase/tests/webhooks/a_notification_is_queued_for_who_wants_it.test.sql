begin;
select plan(4);

-- given
select tests.act_as('service_role');
insert into webhook_endpoints (url) values ('https://all.example');
insert into webhook_endpoints (url, kinds) values ('https://bought.example/?a=b', '{purchase_completed}');
insert into webhook_endpoints (url, kinds) values ('https://low.example', '{credits_low,usage_capped}');
insert into webhook_endpoints (url, enabled) values ('https://off.example', false);
select tests.sign_out();
-- when
select tests.act_as('service_role');
select record_purchase('ada', 5, 5, 'EUR', 'stripe', 'one', 'completed');
select record_purchase('ada', 5, 5, 'EUR', 'stripe', 'one', 'completed');
select tests.sign_out();
-- then
select results_eq(
  $$select e.url, d.status, d.try_count from private.webhook_deliveries as d
  inner join webhook_endpoints as e on e.id = d.endpoint_id order by 1$$,
  $$values ('https://all.example', 'pending', 0), ('https://bought.example/?a=b', 'pending', 0)$$,
  'once for each that is enabled and wants the kind'
);
select results_eq(
  $$select c ->> 'body' from private.claim_deliveries(10, 10, '1 minute', '{}'), jsonb_array_elements(deliveries) as c$$,
  $$select format(
      '{"data": %s, "type": "purchase_completed", "timestamp": "%s"}',
      payload || '{"user_id": "ada"}', to_jsonb(created_at at time zone 'UTC') #>> '{}' || '+00:00'
    )
  from notifications, generate_series(1, 2)$$,
  'what is posted says what happened, when, and to whom'
);
select tests.act_as('service_role');
delete from webhook_endpoints where url = 'https://all.example';
select tests.sign_out();
select is((select count(*) from private.webhook_deliveries), 1::bigint, 'the deliveries of one that is removed go');
select erase_user('ada');
select is_empty('select from private.webhook_deliveries', 'and those of somebody who is erased');

select * from finish();
rollback;
