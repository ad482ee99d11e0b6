begin;
select plan(4);

select private.ensure_account('ada');
insert into user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
select 'ada', now() - ago, now() - ago, now() - ago, 0, null from unnest(array['95 days', '120 days']::interval[]) as ago;
update private.activity_watermark set
  counted_until = (now() - interval '100 days')::date, over_until = (now() - interval '100 days')::date;
select is(private.remove_old_user_sessions(), 1, 'what is past its retention and counted goes');
select is(private.remove_old_user_sessions(), 0, 'and what is not counted stays');
update private.activity_watermark set over_xact = '3';
select is(private.remove_old_user_sessions(), 1, 'until it is');
insert into user_sessions (user_id, session_start, last_seen_at, session_end, duration_seconds, end_token)
values ('ada', now() - interval '1 hour', now() - interval '1 hour', now() - interval '1 hour', 0, null);
select is(private.remove_old_user_sessions(keep => '0'), 1, 'who says how long to keep them is not kept waiting');

select * from finish();
rollback;
