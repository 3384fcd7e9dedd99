// Drives journeys with Ping's JavaScript SDK, unmodified, in Node.

import { CallbackType, Config, FRAuth, SessionManager, StepType } from '@forgerock/javascript-sdk';
import { assert, check, secret, setting } from './checks.mjs';
import { keepCookies } from './cookies.mjs';

const am = setting('AMGATE_AM'); // "http://localhost:8080/am"
const realm = setting('AMGATE_REALM'); // "/alpha"
const username = setting('AMGATE_USER');
const password = setting('AMGATE_PASSWORD');
const successUrl = setting('AMGATE_SUCCESS_URL');

const cookies = keepCookies();

Config.set({
  serverConfig: { baseUrl: `${am}/`, timeout: 20_000 },
  realmPath: realm.slice(1),
  platformHeader: true,
});

function fill(step, pass) {
  secret(step.payload.authId);
  step.getCallbackOfType(CallbackType.NameCallback).setName(username);
  step.getCallbackOfType(CallbackType.PasswordCallback).setPassword(pass);
  return step;
}

async function session(action, token) {
  const response = await fetch(`${am}/json/realms/root/realms${realm}/sessions/?_action=${action}`, {
    method: 'POST',
    headers: { 'Accept-API-Version': 'protocol=1.0,resource=4.0', 'Content-Type': 'application/json' },
    body: JSON.stringify({ tokenId: token }),
  });
  return { status: response.status, ...(await response.json()) };
}

function assertAsks(step) {
  assert.equal(step.type, StepType.Step);
  assert.deepEqual(step.callbacks.map((c) => c.getType()), ['NameCallback', 'PasswordCallback']);
  assert.deepEqual(step.callbacks.map((c) => c.payload.input[0].name), ['IDToken1', 'IDToken2']);
  assert.match(step.payload.authId, /^[\w-]+\.[\w-]+\.[\w-]+$/);
}

let token;

await check('starts the default journey', async () => {
  assertAsks(await FRAuth.start());
});

await check('starts a journey by its name', async () => {
  assertAsks(await FRAuth.start({ tree: 'Login' }));
});

await check('a journey that does not exist is a failure with a code and a message', async () => {
  const end = await FRAuth.start({ tree: 'NoSuchJourney' });
  assert.equal(end.type, StepType.LoginFailure);
  assert.equal(end.getCode(), 400);
  assert.equal(end.getMessage(), 'No Configuration found');
});

await check('a wrong password is asked again, the right one logs in', async () => {
  let step = await FRAuth.next(fill(await FRAuth.start(), 'not the password'));
  assertAsks(step);
  step = await FRAuth.next(fill(step, password));
  assert.equal(step.type, StepType.LoginSuccess);
  token = secret(step.getSessionToken());
  assert.ok(token, 'no tokenId');
  assert.equal(step.getRealm(), realm);
  assert.equal(step.getSuccessUrl(), successUrl);
  assert.ok([...cookies.values()].includes(token), 'the cookie does not hold the token');
});

await check('the token names the session of the user', async () => {
  const info = await session('getSessionInfo', token);
  assert.equal(info.username, username);
  assert.equal(info.realm, realm);
});

await check('a start with a live session succeeds at once', async () => {
  const end = await FRAuth.start();
  assert.equal(end.type, StepType.LoginSuccess);
  assert.equal(end.getSessionToken(), '');
});

await check('the third wrong password fails the journey', async () => {
  cookies.clear();
  let step = await FRAuth.start({ tree: 'Login' });
  for (let tries = 0; tries < 3; tries++) {
    assertAsks(step);
    step = await FRAuth.next(fill(step, 'not the password'), { tree: 'Login' });
  }
  assert.equal(step.type, StepType.LoginFailure);
  assert.equal(step.getCode(), 401);
  assert.equal(step.getReason(), 'Unauthorized');
  assert.equal(step.getMessage(), 'Login failure');
});

await check('logout ends the session', async () => {
  const step = await FRAuth.next(fill(await FRAuth.start(), password));
  const second = secret(step.getSessionToken());
  assert.notEqual(second, token);
  const response = await SessionManager.logout();
  assert.equal(response.status, 200);
  assert.ok(![...cookies.values()].includes(second), 'the cookie is still there');
  assert.deepEqual(await session('validate', second), { status: 200, valid: false });
  assert.equal((await session('validate', token)).valid, true, 'the other session ended too');
});

await check('logout without a session does no harm', async () => {
  await SessionManager.logout();
});

// The SDK leaves the timer of each request running, which would hold the
// process until the last time-out.
process.exit();
