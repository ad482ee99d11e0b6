"""The plain way to clean rooms up, beside which ours is measured: one DELETE, and the client checks whether a link
has expired before it joins."""

# The rooms that are there, without what only we need, and the indexes that this way wants.
TABLES = """
drop schema if exists peer cascade;
create schema peer;
create table peer.reading_sessions as
select id, host_id, title, is_active, created_at, updated_at from public.reading_sessions;
create table peer.session_participants as
select id, session_id, user_id, display_name, is_active, joined_at, last_seen_at from public.session_participants;
alter table peer.reading_sessions add primary key (id);
alter table peer.session_participants
  add primary key (id),
  add unique (session_id, user_id),
  add foreign key (session_id) references peer.reading_sessions (id) on delete cascade,
  alter id set default gen_random_uuid(),
  alter is_active set default true,
  alter joined_at set default now(),
  alter last_seen_at set default now();
create index on peer.session_participants (last_seen_at);
create index on peer.reading_sessions (updated_at);
grant usage on schema peer to public;  -- who prepares a statement is not yet who executes it
grant all on all tables in schema peer to public;
create function peer.see() returns trigger language plpgsql as $$
begin
  new.last_seen_at := now();
  return new;
end
$$;
create trigger see before update on peer.session_participants for each row execute function peer.see();
"""
VACUUM = "vacuum (analyze) peer.reading_sessions, peer.session_participants"
CLEAN = """
delete from peer.reading_sessions as r
where r.is_active and not exists (
  select from peer.session_participants as p
  where p.session_id = r.id and p.is_active and p.last_seen_at > now() - interval '1 hour'
)
"""
# A request each: is the room there, when was somebody in it last seen, come in.
JOIN = (
    "select * from peer.reading_sessions where id = {room} and is_active;",
    """
select last_seen_at from peer.session_participants where session_id = {room} and is_active
order by last_seen_at desc limit 1;
""",
    """
insert into peer.session_participants (session_id, user_id) values ({room}, 'u' || :n)
on conflict (session_id, user_id) do update set is_active = true;
""",
)
