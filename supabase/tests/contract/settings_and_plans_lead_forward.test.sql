begin;
select plan(8);

select throws_ok($$update private.settings set session_ttl = '0'$$, '23514', null, 'no duration');
select throws_ok($$update private.settings set session_ttl = '1 month -29 days'$$, '23514', null, 'a duration that turns back');
select throws_ok($$update private.settings set warning_percents = '{80,null}'$$, '23514', null, 'no percentage');
select throws_ok($$update private.settings set warning_percents = '{101}'$$, '23514', null, 'more than all');
select throws_ok($$insert into plans (id, name, period) values ('x', 'X', '0.5 seconds')$$, '23514', null, 'a short period');
select throws_ok($$insert into plans (id, name, period) values ('x', 'X', '1 year -1 day')$$, '23514', null, 'a period that turns back');
select throws_ok($$insert into plans (id, name, limit_seconds) values ('x', 'X', -1)$$, '23514', null, 'less than nothing');
select lives_ok($$update private.settings set session_ttl = '2 seconds'$$, 'seconds are fine');

select * from finish();
rollback;
