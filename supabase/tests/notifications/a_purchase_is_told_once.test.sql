begin;
select plan(2);

select tests.act_as('service_role');
select record_purchase('ada', 50, 9.99, 'EUR', 'shop', 'ref', 'pending');
select is_empty('select * from notifications', 'not before it is paid');
select record_purchase('ada', 50, 9.99, 'EUR', 'shop', 'ref', status)
from unnest('{completed,completed,pending,refunded,completed}'::text[]) as status;
select results_eq(
  $$select user_id, kind, payload - 'purchase_id' from notifications where kind not like 'credits%'$$,
  $$values ('ada', 'purchase_completed', '{"credits": 50, "amount": 9.99, "currency": "EUR"}'::jsonb)$$,
  'however often the webhook comes'
);

select * from finish();
rollback;
