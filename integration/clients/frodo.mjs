// Runs frodo-cli, unmodified, as an administrator does who keeps the
// configuration of a classic AM with it.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, check, secret, setting } from './checks.mjs';

const am = setting('AMGATE_AM');
const username = setting('AMGATE_ADMIN');
const password = setting('AMGATE_ADMIN_PASSWORD');

// frodo keeps its connections and tokens in a folder .frodo of the home.
const home = mkdtempSync(join(tmpdir(), 'frodo-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));

function frodo(...args) {
  const env = { ...process.env, HOME: home, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(join('node_modules', '.bin', 'frodo'), args, { env }, (error, stdout, stderr) => {
      resolve({ status: error ? (error.code ?? error.signal) : 0, stdout, stderr });
    });
  });
}

function assertRan(result) {
  assert.equal(result.status, 0, `${result.stdout}\n${result.stderr}`);
  return result;
}

const saved = (file) => JSON.parse(readFileSync(join(home, '.frodo', file), 'utf8'));

async function info(...args) {
  const { stdout } = assertRan(await frodo('info', '--json', ...args));
  const found = JSON.parse(stdout);
  secret(found.sessionToken);
  return found;
}

async function validate(token) {
  const response = await fetch(`${am}/json/sessions?_action=validate`, {
    method: 'POST',
    headers: { 'Accept-API-Version': 'resource=4.0', 'Content-Type': 'application/json' },
    body: JSON.stringify({ tokenId: token }),
  });
  return response.json();
}

await check('frodo refuses a wrong password and saves no connection', async () => {
  const { status, stderr } = await frodo('conn', 'save', '-m', 'classic', am, username, 'not the password');
  assert.notEqual(status, 0);
  assert.match(stderr, /401|Login failure/);
  assert.throws(() => saved('Connections.json')[am].username);
});

await check('frodo conn save logs in to a classic deployment', async () => {
  const { stderr } = assertRan(await frodo('conn', 'save', '-m', 'classic', am, username, password));
  assert.match(stderr, new RegExp(`Connected to ${am} \\[/\\] as user ${username}`));
  const connection = saved('Connections.json')[am];
  assert.equal(connection.username, username);
  assert.equal(connection.deploymentType, 'classic');
});

let token;

await check('frodo info tells the version, the user and a session that lives', async () => {
  const found = await info(am);
  assert.equal(found.host, am);
  assert.match(found.amVersion, /^7\.5\.0 /);
  assert.equal(found.authenticatedSubject, `${username} (User)`);
  assert.equal(found.deploymentType, 'classic');
  assert.equal(found.cookieName, 'iPlanetDirectoryPro');
  token = found.sessionToken;
  const { valid, uid, realm } = await validate(token);
  assert.deepEqual({ valid, uid, realm }, { valid: true, uid: username, realm: '/' });
});

await check('frodo uses its session again, for as long as the server says it lives', async () => {
  assert.equal((await info(am)).sessionToken, token);
});

await check('frodo finds out by itself that this is a classic deployment', async () => {
  rmSync(join(home, '.frodo'), { recursive: true });
  assertRan(await frodo('conn', 'save', am, username, password));
  assert.equal(saved('Connections.json')[am].deploymentType, 'classic');
});

await check('frodo answers the questions of a journey that it is told the name of', async () => {
  const connect = (name) => frodo('conn', 'save', '--no-cache', '--authentication-service', name, am, username, password);
  assertRan(await connect('Asking'));
  assert.notEqual((await connect('NoSuchJourney')).status, 0);
});
