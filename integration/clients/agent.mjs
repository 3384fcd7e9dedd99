// Protects an Express app with @forgerock/openam-agent, unmodified, and visits
// the app in a real browser.

import { createServer } from 'node:http';
import agents from '@forgerock/openam-agent';
import express from 'express';
import { assert, check, newPage, secret, setting, withBrowser } from './checks.mjs';

const am = new URL(setting('AMGATE_AM')); // "http://am.example.test:8080/am"
const app = new URL(setting('AMGATE_APP')); // "http://app.example.test:8081/"
const realm = setting('AMGATE_REALM');
const username = setting('AMGATE_USER');
const password = setting('AMGATE_PASSWORD');

const { BasicAuthShield, CookieShield, InMemoryCache, PolicyAgent } = agents;
const agent = new PolicyAgent({
  serverUrl: am.href,
  privateIP: '127.0.0.1', // the name above is known to the browser alone
  username: setting('AMGATE_AGENT'),
  password: setting('AMGATE_AGENT_PASSWORD'),
  realm,
  logLevel: 'error',
  sessionCache: new InMemoryCache({ expireAfterSeconds: 1 }),
});

const site = express();
const tell = (req, res) => res.send(`<!doctype html><title>App</title><pre>${JSON.stringify(req.session?.data ?? null)}</pre>`);
site.get('/', agent.shield(new CookieShield()), tell);
site.get('/data', agent.shield(new CookieShield({ noRedirect: true })), tell);
site.get('/open', agent.shield(new CookieShield({ passThrough: true })), tell);
site.get('/basic', agent.shield(new BasicAuthShield({ realm, service: 'Basic' })), tell);
const server = createServer(site);
await new Promise((resolve) => server.listen(app.port, '127.0.0.1', resolve));

// visit asks the app without a browser.
function visit(path, headers = {}) {
  return fetch(`http://127.0.0.1:${app.port}${path}`, { redirect: 'manual', headers: { ...headers } });
}

const basic = (pass) => ({ Authorization: `Basic ${Buffer.from(`${username}:${pass}`).toString('base64')}` });

async function session(action, token) {
  const response = await fetch(`http://localhost:${am.port}${am.pathname}/json/sessions?_action=${action}`, {
    method: 'POST',
    headers: { 'Accept-API-Version': 'resource=4.0', 'Content-Type': 'application/json' },
    body: JSON.stringify({ tokenId: token }),
  });
  return response.json();
}

// told is what the agent told the app about the session.
const told = async (page) => JSON.parse(await page.locator('pre').textContent());

const isLogin = (url) => url.host === am.host && url.pathname.startsWith('/am/XUI/');

async function signIn(page) {
  await page.waitForURL(isLogin);
  await page.locator('input[autocomplete~="username"]').fill(username);
  await page.locator('input[type="password"]').fill(password);
  await page.locator('form button[type="submit"]').first().click();
  await page.waitForURL(app.href);
  return secret((await page.context().cookies()).find((c) => c.name === 'iPlanetDirectoryPro').value);
}

await check('the agent logs in to its realm', async () => {
  const { tokenId } = await agent.getAgentSession();
  assert.equal((await session('validate', secret(tokenId))).uid, setting('AMGATE_AGENT'));
});

await check('the agent refuses a request without a session', async () => {
  assert.equal((await visit('/data')).status, 401);
  assert.match(await (await visit('/open')).text(), /<pre>{}<\/pre>/);
});

await check('the agent refuses a forged session', async () => {
  for (const token of ['x', 'shandle:x', (await agent.getAgentSession()).tokenId.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))]) {
    assert.equal((await visit('/data', { Cookie: `iPlanetDirectoryPro=${token}` })).status, 401, token);
  }
});

await check('the agent checks a password without making a session', async () => {
  assert.equal((await visit('/basic')).status, 401);
  assert.notEqual((await visit('/basic', basic('not the password'))).status, 200);
  const response = await visit('/basic', basic(password));
  assert.match(await response.text(), new RegExp(`{"username":"${username}"}`));
});

await withBrowser(
  async (browser) => {
    const page = await newPage(browser);
    let token;

    await check('a request without a session is sent to the login page, and from there back to the app', async () => {
      await page.goto(app.href);
      token = await signIn(page);
      const { valid, uid, realm: of } = await told(page);
      assert.deepEqual({ valid, uid, realm: of }, { valid: true, uid: username, realm });
    });

    await check('the agent lets the session through everywhere', async () => {
      for (const path of ['data', 'open']) {
        await page.goto(new URL(path, app).href);
        assert.equal((await told(page)).uid, username);
      }
    });

    await check('a session that was ended elsewhere is refused, and signing in makes another', async () => {
      assert.deepEqual(await session('logout', token), { result: 'Successfully logged out' });
      // The agent believes its cache for a second.
      while ((await visit('/data', { Cookie: `iPlanetDirectoryPro=${token}` })).status === 200);
      await page.goto(app.href);
      assert.notEqual(await signIn(page), token);
    });

    await check('who signs out on the login page is signed out of the app', async () => {
      await page.goto(`${am.href}/UI/Logout?realm=${realm}`);
      await page.locator('form button[type="submit"]').first().click();
      await page.getByRole('link', { name: /sign in/i }).waitFor();
      await page.goto(app.href);
      assert.ok(isLogin(new URL(page.url())), page.url());
    });
  },
  '--host-resolver-rules=MAP *.example.test 127.0.0.1',
);

await check('the agent logs out when it ends', async () => {
  const { tokenId } = await agent.getAgentSession();
  await agent.destroy();
  assert.deepEqual(await session('validate', tokenId), { valid: false });
});

process.exit();
