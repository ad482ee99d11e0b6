begin;
select plan(5);

select set_config('realtime.topic', 'admin:usage', true);
insert into realtime.messages (topic, extension) values ('admin:usage', 'broadcast'), ('admin:usage', 'presence');
select tests.sign_in_as_admin('root');
select is(count(*), 1::bigint, 'an administrator hears broadcasts, not presence') from realtime.messages;
select throws_ok(
  $$insert into realtime.messages (topic, extension) values ('admin:usage', 'broadcast')$$, '42501', null,
  'and sends nothing'
);
select tests.sign_in_as('ada');
select is_empty('select * from realtime.messages', 'a user hears nothing');
select set_config('request.jwt.claims', '{"role": "authenticated", "app_metadata": {"role": "admin"}}', true);
select is_empty('select * from realtime.messages', 'nor does who is nobody');
select tests.act_as('anon');
select is_empty('select * from realtime.messages', 'nor anon');

select * from finish();
rollback;
