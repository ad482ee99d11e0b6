-- Who may hear what. All topics are private channels; Realtime asks these policies with
-- realtime.topic(). Only rooms are sent to by clients; nobody but the database and service_role,
-- which passes every policy, sends to the others.

create policy hourglass_user_topic_select_own on realtime.messages for select to authenticated
using (
  realtime.messages.extension = 'broadcast'
  and (select realtime.topic()) = 'user:' || (select private.caller())
);

comment on policy hourglass_user_topic_select_own on realtime.messages is
'user:<sub> is heard by that user.';

create policy hourglass_admin_topic_select_admin on realtime.messages for select to authenticated
using (
  realtime.messages.extension = 'broadcast'
  and (select realtime.topic()) = 'admin:usage'
  and (select private.caller()) is not null
  and (select private.is_admin())
);

comment on policy hourglass_admin_topic_select_admin on realtime.messages is
'admin:usage is heard by administrators.';

create policy hourglass_room_topic_select_in on realtime.messages for select to authenticated
using (
  realtime.messages.extension in ('broadcast', 'presence')
  and (select private.hears_room((select realtime.topic())))
);

comment on policy hourglass_room_topic_select_in on realtime.messages is
'The topic that a room has now is heard by who is in it, presence included.';

create policy hourglass_room_topic_insert_in on realtime.messages for insert to authenticated
with check (
  realtime.messages.extension in ('broadcast', 'presence')
  and (select private.hears_room((select realtime.topic())))
);

comment on policy hourglass_room_topic_insert_in on realtime.messages is
'The topic that a room has now is sent to by who is in it, presence included.';
