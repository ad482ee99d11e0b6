-- Who may hear what. All topics are private channels; Realtime asks these policies with
-- realtime.topic(). Nobody but the database and service_role, which passes every policy, sends to
-- these topics.

create policy hourglass_user_topic_select_own on realtime.messages for select to authenticated
using (
  realtime.messages.extension = 'broadcast'
  and (select realtime.topic()) = 'user:' || (select private.caller())
);

comment on policy hourglass_user_topic_select_own on realtime.messages is
'user:<sub> is heard by that user.';
