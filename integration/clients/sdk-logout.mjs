// Signs out with Ping's JavaScript SDK, unmodified, at one of several
// gateways, after all of them have let the session through.

import { CallbackType, Config, FRAuth, SessionManager, StepType } from '@forgerock/javascript-sdk';
import { assert, check, secret, setting } from './checks.mjs';
import { keepCookies } from './cookies.mjs';

const realm = setting('AMGATE_REALM');
const username = setting('AMGATE_USER');
const password = setting('AMGATE_PASSWORD');
const gateways = setting('AMGATE_GATEWAYS').split(' '); // "http://localhost:8080", …: each an app, with AM below /am

const bareFetch = globalThis.fetch;
const cookies = keepCookies();

async function signIn(gateway) {
  cookies.clear();
  Config.set({ serverConfig: { baseUrl: `${gateway}/am/`, timeout: 20_000 }, realmPath: realm.slice(1) });
  const step = await FRAuth.start();
  secret(step.payload.authId);
  step.getCallbackOfType(CallbackType.NameCallback).setName(username);
  step.getCallbackOfType(CallbackType.PasswordCallback).setPassword(password);
  const end = await FRAuth.next(step);
  assert.equal(end.type, StepType.LoginSuccess);
  return secret(end.getSessionToken());
}

// visit presents a token to a gateway's app, whatever cookies the SDK has.
async function visit(gateway, token) {
  const response = await bareFetch(gateway, { headers: { Cookie: `iPlanetDirectoryPro=${token}` }, redirect: 'manual' });
  return { status: response.status, text: await response.text() };
}

async function assertLetsThrough(gateway, token) {
  assert.deepEqual(await visit(gateway, token), { status: 200, text: `Hello ${username}` });
}

for (const [i, gateway] of gateways.entries()) {
  await check(`a logout at gateway ${i + 1} ends the session on all`, async () => {
    const token = await signIn(gateway);
    const other = await signIn(gateway);
    for (const each of gateways) {
      for (const t of [token, other, token]) await assertLetsThrough(each, t);
    }
    assert.equal((await SessionManager.logout()).status, 200);
    assert.equal(cookies.get('iPlanetDirectoryPro'), undefined);
    assert.equal((await visit(gateway, other)).status, 401, 'where it was signed out');
    for (const each of gateways) {
      // The others hear of it; until then they go by their caches.
      while ((await visit(each, other)).status === 200);
      assert.equal((await visit(each, other)).status, 401, each);
      await assertLetsThrough(each, token); // it is another session
    }
  });
}

process.exit();
