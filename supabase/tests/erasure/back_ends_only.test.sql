begin;
select plan(5);

select tests.sign_in_as_admin('root');
select throws_ok($$select erase_user('ada')$$, '42501', null, 'not even an administrator');
select tests.act_as('service_role');
select throws_ok('select erase_user(null)', 'PT422', 'invalid_argument', 'somebody has to be named');
select throws_ok($$select erase_user('')$$, 'PT422', 'invalid_argument', 'by what can be a sub');
select throws_ok($$select erase_user(repeat('x', 513))$$, 'PT413', 'payload_too_large', 'of a bearable length');
select is(erase_user('ada') -> 'accounts', '0', 'somebody unknown is no error');

select * from finish();
rollback;
