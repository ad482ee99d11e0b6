begin;
select plan(9);

select tests.act_as('service_role');
create temporary table lot as select * from grant_credits('ada', 10, 'gift', now() + interval '30 seconds', 100, 'grant');
select tests.sign_out();
select tests.age('ada', '30 days 23 hours');
-- a retry is answered before its arguments are judged against the clock
select tests.act_as('service_role');
select is((grant_credits('ada', 10, 'gift', expires_at, 100, 'grant')).id, id, 'the first answer, a month on') from lot;
select throws_ok(
  format($$select grant_credits('ada', 10, 'gift', %L, 100, 'another')$$, expires_at - interval '1 day'),
  'PT422', 'invalid_argument', 'a new key is judged'
) from lot;
select tests.sign_out();
select is(private.forget_old_keys(), 0, 'the sweep keeps it');
select tests.age('ada', '1 hour 1 minute');
-- past that it is forgotten, removed or not
select tests.act_as('service_role');
select throws_ok(
  format($$select grant_credits('ada', 10, 'gift', %L, 100, 'grant')$$, expires_at - interval '1 day'),
  'PT422', 'invalid_argument', 'forgotten'
) from lot;
select is((grant_credits('ada', 11, idempotency_key => 'grant')).credits, 11::numeric, 'free for another request');
select throws_ok($$select grant_credits('ada', 12, idempotency_key => 'grant')$$, 'PT409', 'idempotency_conflict', 'of which it is now');
select tests.sign_out();
select tests.age('ada', '33 days');
select is(private.forget_old_keys(), 1, 'removed');
select is(private.forget_old_keys(), 0, 'once');
select is_empty('select * from private.idempotency_keys', 'nothing is left');

select * from finish();
rollback;
