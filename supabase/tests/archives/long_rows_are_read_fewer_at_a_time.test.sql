begin;
select plan(3);

update private.settings set archive_before_drop = true;
update private.rollup_watermark set counted_until = '8';
insert into usage_logs (
  id, user_id, kind, prompt_tokens, completion_tokens, credits, metadata, created_at, xact_id
)
select
  gen_random_uuid(), 'ada', 'k', 0, 0, 0, jsonb_build_object('x', repeat('y', 16000)), '2020-02-03 04:05:06+00', '7'
from generate_series(1, 1000);
select private.drop_old_usage_logs();

create temporary table r as select * from private.read_awaiting('usage_logs_202002', 0, 128);
select ok(octet_length(texts) between 1000000 and 8 * 1024 * 1024, 'no more than 8 MiB come at once') from r;
select ok(next_block between 1 and 127, 'of fewer blocks than were asked for') from r;
select is(
  (
    with recursive chunk as (
      select * from r
      union all
      select n.* from chunk as c cross join lateral private.read_awaiting('usage_logs_202002', c.next_block, 128) as n
      where c.next_block is not null
    )
    select sum(row_count) from chunk
  ),
  1000::bigint,
  'and all come in the end'
);

select * from finish();
rollback;
