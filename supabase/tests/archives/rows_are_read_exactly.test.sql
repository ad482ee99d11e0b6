begin;
select plan(8);

update private.settings set archive_before_drop = true;
update private.rollup_watermark set counted_until = '8';
insert into usage_logs (
  id, user_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at, xact_id
)
values (
  '00000000-0000-0000-0000-00000000000a', E'a"\n\\;å😀', 'k', 1, 2, 1234567890123456789012345.0000000000000000000000100,
  '{"n": 1e400}', '2020-02-03 04:05:06.789012+00', '7'
);
select private.drop_old_usage_logs();
create temporary table r as select * from private.read_awaiting('usage_logs_202002', 0, 8);
select is(
  (select texts::jsonb -> 0 from r),
  jsonb_build_array(
    '00000000-0000-0000-0000-00000000000a', E'a"\n\\;å😀', null, 'k', null, '1', '2',
    '1234567890123456789012345.0000000000000000000000100', jsonb_build_object('n', 1e400)::text,
    '1580702706789012', null, '7'
  ),
  'each column is text, nothing rounded'
);
select is((select (row_count, change_count, next_block) from r), row(1, 0::bigint, null::bigint), 'with how many');
select is(
  (select row_checksum from private.sums_of_partition('usage_logs_202002')),
  (
    select ('x0' || substr(m, 1, 15))::bit(64)::bigint || '-' || ('x0' || substr(m, 16, 15))::bit(64)::bigint
    from (
      select md5(
        '36:00000000-0000-0000-0000-00000000000a;11:' || E'a"\n\\;å😀' || ';-;1:k;-;1:1;1:2;'
        '51:1234567890123456789012345.0000000000000000000000100;' || length(jsonb_build_object('n', 1e400)::text)
        || ':' || jsonb_build_object('n', 1e400)::text || ';16:1580702706789012;-;1:7'
      ) as m
    ) as t
  ),
  'the checksum is that of these texts, each after its length'
);
select is((select change_count from private.read_awaiting('usage_logs', 0, 8)), null, 'only what waits is read');
select is((select change_count from private.read_awaiting('settings', 0, 8)), null, 'and no other table');
do $$ begin
  insert into private.usage_logs_202002
  select gen_random_uuid(), 'bob', null, 'k', null, 0, 0, 0, '{}', l.created_at, null, '7'
  from private.usage_logs_202002 as l cross join generate_series(1, 999);
end $$;
select is(
  (
    with recursive chunk as (
      select * from private.read_awaiting('usage_logs_202002', 0, 3)
      union all
      select n.* from chunk as c cross join lateral private.read_awaiting('usage_logs_202002', c.next_block, 3) as n
      where c.next_block is not null
    )
    select (sum(row_count), count(*) > 1) from chunk
  ),
  row(1000::bigint, true),
  'chunks make a whole'
);
select is(
  (select jsonb_array_length(column_types) from private.next_awaiting('')), 12, 'the types of columns are told'
);
select is((select column_types -> 7 from private.next_awaiting('')), '["credits", "numeric"]', 'with their names');

select * from finish();
rollback;
