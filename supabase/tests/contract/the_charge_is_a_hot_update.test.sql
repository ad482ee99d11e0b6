begin;
select plan(1);

select is_empty(
  $$select i.indexrelid::regclass, a.attname from pg_index as i
  inner join pg_attribute as a on a.attrelid = i.indrelid
  where (a.attrelid, a.attname) in (
      ('credit_grants'::regclass, 'remaining'), ('accounts'::regclass, 'version'),
      ('accounts'::regclass, 'changed_at'), ('private.credit_balances'::regclass, 'balance'),
      ('private.credit_balances'::regclass, 'overdraft'), ('private.credit_balances'::regclass, 'used'),
      ('private.credit_balances'::regclass, 'last_used_at'), ('private.thread_totals'::regclass, 'credits'),
      ('private.thread_totals'::regclass, 'requests'), ('private.thread_totals'::regclass, 'last_used_at')
    )
    and (a.attnum = any(i.indkey) or pg_get_indexdef(i.indexrelid) ~ ('\m' || a.attname || '\M'))$$,
  'no index knows what a charge changes'
);

select * from finish();
rollback;
