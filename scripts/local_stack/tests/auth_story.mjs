// supabase-js through all of Auth. Prints what it met; the test beside it knows what that should be.
import { createClient } from "@supabase/supabase-js";

const { API_URL, ANON_KEY, EMAIL: email } = process.env;
const password = "correct horse";
const supabase = createClient(API_URL, ANON_KEY, {
  auth: { autoRefreshToken: false },
  realtime: { transport: class {} }, // Node 20 has no WebSocket of its own, and none is needed here
});
const events = [];
supabase.auth.onAuthStateChange((event) => events.push(event));

function data({ data, error }) {
  if (error) throw error;
  return data;
}
const failure = ({ error }) => [error.code, error.status];

const story = { signed_up: data(await supabase.auth.signUp({ email, password })).user.email };
story.weak_password = failure(await supabase.auth.signUp({ email: `x${email}`, password: "short" }));
story.taken = failure(await supabase.auth.signUp({ email, password }));
story.wrong_password = failure(await supabase.auth.signInWithPassword({ email, password: "wrong horse" }));
const first = data(await supabase.auth.signInWithPassword({ email, password })).session;
story.signed_in = events.at(-1);
story.name = data(await supabase.auth.updateUser({ data: { name: "Countess" } })).user.user_metadata.name;
const second = data(await supabase.auth.refreshSession()).session;
story.refreshed = second.refresh_token !== first.refresh_token && data(await supabase.auth.getUser()).user.email === email;
data({ error: (await supabase.auth.signOut()).error });
story.signed_out = data(await supabase.auth.getSession()).session;
console.log(JSON.stringify(story));
process.exit(0); // its timers would keep it
