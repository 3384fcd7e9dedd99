// Walks through journeys with Ping's JavaScript SDK, unmodified, in Node.

import * as sdk from '@forgerock/javascript-sdk';
import { check, secret, setting } from './checks.mjs';
import { keepCookies } from './cookies.mjs';
import { tools, walks } from './walks.mjs';

const cookies = keepCookies();
const user = { username: setting('AMGATE_USER'), password: setting('AMGATE_PASSWORD'), mail: setting('AMGATE_MAIL') };
const mailbox = setting('AMGATE_MAILBOX');

sdk.Config.set({
  serverConfig: { baseUrl: `${setting('AMGATE_AM')}/`, timeout: 20_000 },
  realmPath: setting('AMGATE_REALM').slice(1),
  platformHeader: true,
});

const env = tools(sdk, {
  user,
  badge: setting('AMGATE_BADGE'),
  mailLink: async (to) => secret(await (await fetch(`${mailbox}?to=${encodeURIComponent(to)}`)).text()),
  profile: async () => ({ identifier: 'node', metadata: { platform: { platform: 'Node' } } }),
});

for (const walk of walks) {
  cookies.clear();
  await check(walk.name, () => walk.run(env));
}

// The SDK leaves the timer of each request running, which would hold the
// process until the last time-out.
process.exit();
