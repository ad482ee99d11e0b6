begin;
select plan(9);

select tests.act_as('service_role');
create temporary table pending as
select * from record_purchase('ada', 50, 9.99, 'EUR', 'shop', 'ref', 'pending');
create temporary table paid as
select * from record_purchase('ada', 50.0, 9.990, 'EUR', 'shop', 'ref', 'completed', '2100-01-01');
select results_eq(
  'select paid.id, user_id, credits, amount, currency, provider, provider_ref, paid.status, created_at from paid',
  $$select id, 'ada', 50::numeric, 9.99, 'EUR', 'shop', 'ref', 'completed', created_at from pending$$, 'moved on'
);
select is(completed_at > created_at, true, 'with its instant') from paid;
select results_eq(
  'select source, credits, remaining, priority, expires_at from credit_grants',
  $$values ('purchase', 50::numeric, 50::numeric, 100, timestamptz '2100-01-01')$$, 'the lot'
);
select tests.sign_out();
select results_eq(
  $$select topic, event, private, payload - 'id' - 'balance' - 'deadline' from realtime.messages
  where event <> 'usage:changed' order by event$$,
  $$select v.topic, v.event, true, v.payload from paid,
    lateral (values
      ('user:ada', 'credits:changed', jsonb_build_object('at', completed_at, 'version', 1)),
      ('worker', 'deadline:changed', jsonb_build_object('at', completed_at)),
      ('worker', 'notification:queued', jsonb_build_object('at', completed_at, 'kind', 'purchase_completed')),
      ('admin:usage', 'purchase:changed',
        jsonb_build_object('at', completed_at, 'purchase_id', id, 'status', 'completed')),
      ('user:ada', 'purchase:completed', jsonb_build_object(
        'at', completed_at, 'version', 1, 'purchase_id', id, 'credits', 50, 'amount', 9.99, 'currency', 'EUR'
      ))
    ) as v (topic, event, payload)$$,
  'the events'
);
-- the same reference of another provider
select tests.act_as('service_role');
select is((record_purchase('ada', 1, 0, 'EUR', 'other', 'ref', 'completed')).credits, 1::numeric, 'is another purchase');
-- or with another user, credits, amount or currency
select throws_ok(call, 'PT409', 'idempotency_conflict', call) from (values
  ($$select record_purchase('bob', 50, 9.99, 'EUR', 'shop', 'ref', 'completed')$$),
  ($$select record_purchase('ada', 51, 9.99, 'EUR', 'shop', 'ref', 'refunded')$$),
  ($$select record_purchase('ada', 50, 9.98, 'EUR', 'shop', 'ref', 'completed')$$),
  ($$select record_purchase('ada', 50, 9.99, 'USD', 'shop', 'ref', 'completed')$$)
) as v (call);

select * from finish();
rollback;
