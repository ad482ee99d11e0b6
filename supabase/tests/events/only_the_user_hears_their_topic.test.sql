begin;
select plan(5);

select set_config('realtime.topic', 'user:ada', true);
insert into realtime.messages (topic, extension) values ('user:ada', 'broadcast'), ('user:ada', 'presence');
select tests.sign_in_as('ada');
select is(count(*), 1::bigint, 'ada receives broadcasts of her topic, not presence') from realtime.messages;
select throws_ok(
  $$insert into realtime.messages (topic, extension) values ('user:ada', 'broadcast')$$, '42501', null,
  'she cannot send to it'
);
select tests.sign_in_as('bob');
select is_empty('select * from realtime.messages', 'bob does not');
select tests.act_as('anon');
select is_empty('select * from realtime.messages', 'nor does anon');
select tests.sign_out();
select is(count(*), 2::bigint, 'nothing was added') from realtime.messages where topic = 'user:ada';

select * from finish();
rollback;
