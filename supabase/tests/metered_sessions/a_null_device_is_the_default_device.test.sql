begin;
select plan(3);

select tests.sign_in_as('ada');
select is((start_usage_session()).device_id, 'default', 'a null device starts on the default device');
select is((start_usage_session()).status, 'active', 'and is the same device the next time');
select throws_ok($$select start_usage_session('phone')$$, 'PT409', 'session_active_elsewhere', 'another one is not');

select * from finish();
rollback;
