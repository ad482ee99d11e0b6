// A member's story with supabase-js, one JSON line for each thing that happens; the test around it sends from the database.
import { createClient } from '@supabase/supabase-js'

const { API_URL, ANON_KEY, TOKEN, SHORT_TOKEN } = process.env
const say = (what, detail = {}) => console.log(JSON.stringify({ what, ...detail }))

async function client(token) {
  const made = createClient(API_URL, ANON_KEY, { accessToken: async () => token })
  await made.realtime.setAuth() // or the first join goes out with the key
  return made
}

const join = (channel) =>
  new Promise((resolve) => channel.subscribe((status, error) => resolve({ status, error: error?.message ?? null })))

const isPrivate = (broadcast = {}, presence = {}) => ({ config: { private: true, broadcast, presence } })

const member = await client(TOKEN)

const refused = member.channel('closed:js', isPrivate())
say('closed', await join(refused))
await member.removeChannel(refused)

const room = member.channel('open:js', isPrivate({ self: true, ack: true }, { key: 'ada' }))
const heard = new Promise((resolve) => room.on('broadcast', { event: 'from-database' }, resolve))
const echoed = new Promise((resolve) => room.on('broadcast', { event: 'from-client' }, resolve))
const present = new Promise((resolve) =>
  room.on('presence', { event: 'sync' }, () => room.presenceState().ada && resolve(room.presenceState().ada)),
)
say('open', await join(room))
say('database', { message: await heard })
say('acknowledged', { answer: await room.send({ type: 'broadcast', event: 'from-client', payload: { n: 1 } }) })
say('echo', { message: await echoed })
await room.track({ at: 'desk' })
say('presence', { state: await present })
await member.removeChannel(room)

const again = member.channel('open:js', isPrivate({ replay: { since: Date.now() - 60_000, limit: 1 } }))
const replayed = new Promise((resolve) => again.on('broadcast', { event: 'from-database' }, resolve))
await join(again)
say('replay', { message: await replayed })

const visitor = await client(SHORT_TOKEN)
const brief = visitor.channel('open:brief', isPrivate())
const told = new Promise((resolve) => brief.on('system', {}, resolve))
const closed = new Promise((resolve) =>
  brief.subscribe((status) => {
    say('brief', { status })
    if (status === 'CLOSED') resolve()
  }),
)
say('system', { message: await told })
await closed

await Promise.all([member, visitor].map((each) => each.realtime.disconnect()))
process.exit(0)
