begin;
select plan(5);

insert into plans (id, name, is_default) values ('pro', 'Pro', true);
select results_eq('select id from plans where is_default', array['pro'], 'marking one unmarks the other');
update plans set is_default = (id = 'free');
select results_eq('select id from plans where is_default', array['free'], 'in one statement as well');
select lives_ok($$insert into plans (id, name) values ('pro', 'Pro') on conflict do nothing$$, 'seeds may repeat');
select lives_ok('set constraints all immediate', 'all is well');
set constraints all deferred;
update plans set is_default = false;
select throws_ok('set constraints all immediate', '23514', null, 'there has to be one');

select * from finish();
rollback;
