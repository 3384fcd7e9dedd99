// Sees and ends sessions as an administrator in a real browser, step by step as
// docs/how-to/see-and-end-sessions.md says it: with scripts, without them, and
// on a phone, one of them a run.

import { assert, assertUsable, check, newPage, picture, secret, setting, withBrowser } from './checks.mjs';

const app = setting('AMGATE_APP'); // protected, in a realm whose sessions are on the server
const carriedApp = setting('AMGATE_CARRIED_APP'); // in one whose sessions clients carry
const publicSite = setting('AMGATE_PUBLIC'); // with am_server, and console off
const username = setting('AMGATE_USER');
const userId = setting('AMGATE_USER_ID');
const password = setting('AMGATE_PASSWORD');
const admin = setting('AMGATE_ADMIN');
const adminPassword = setting('AMGATE_ADMIN_PASSWORD');

const kind = setting('AMGATE_KIND');

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const kinds = {
  desktop,
  'no-script': { ...desktop, javaScriptEnabled: false },
  phone: { ...phone, colorScheme: 'dark' },
};
const consoleUrl = (path) => new URL(`/am/console${path}`, app).href;

async function signIn(page, name, pass) {
  await page.locator('input[autocomplete~="username"]').fill(name);
  await page.locator('input[type="password"]').fill(pass);
  await page.locator('form button[type="submit"]').first().click();
}

async function keepSecrets(page) {
  for (const { value } of await page.context().cookies()) secret(value);
}

// authenticate signs in by REST, as the documentation's curl does.
async function authenticate(realm, name, pass) {
  const answer = await fetch(new URL(`/am/json${realm}/authenticate`, app), {
    method: 'POST',
    headers: { 'X-OpenAM-Username': name, 'X-OpenAM-Password': pass, 'Accept-API-Version': 'resource=2.0, protocol=1.0' },
  });
  assert.equal(answer.status, 200);
  return secret((await answer.json()).tokenId);
}

// found are the handles of the user's sessions in a realm, by REST.
async function found(token, realm) {
  const query = new URLSearchParams({ _queryFilter: `username eq "${username}" and realm eq "${realm}"` });
  const answer = await fetch(new URL(`/am/json/realms/root/sessions?${query}`, app), {
    headers: { amRoot: token, 'Accept-API-Version': 'resource=4.0, protocol=1.0' },
  });
  assert.equal(answer.status, 200);
  return (await answer.json()).result.map((session) => session.sessionHandle);
}

const handles = (page) => page.locator('tbody th code').allTextContents();

async function search(page, text) {
  await page.getByRole('searchbox').fill(text);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.waitForURL((url) => url.searchParams.has('user'));
}

async function round(browser, options) {
  const user = await newPage(browser, options);
  const page = await newPage(browser, options);
  const token = await authenticate('', admin, adminPassword);
  let handle;

  await check('a user signs in to an app', async () => {
    await user.goto(app);
    await signIn(user, username, password);
    await user.getByText(`Hello ${userId}`).waitFor();
    await keepSecrets(user);
  });

  await check('the console leads an administrator through the login of the root realm', async () => {
    await page.goto(consoleUrl(''));
    assert.equal(new URL(page.url()).pathname, '/am/XUI/');
    await signIn(page, admin, adminPassword);
    await page.getByRole('heading', { name: 'Realms' }).waitFor();
    assert.equal(page.url(), consoleUrl(''));
    await keepSecrets(page);
    await assertUsable(page);
    await picture(page, `${kind}-realms`);
  });

  await check('the profile has the user identifier at its top', async () => {
    await page.getByRole('link', { name: 'Identities – alpha' }).click();
    await page.getByRole('heading', { name: 'Identities' }).waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-identities`);
    await page.getByRole('link', { name: username, exact: true }).click();
    await page.getByRole('heading', { name: username }).waitFor();
    assert.match(await page.locator('h1 + p').textContent(), new RegExp(userId));
    await assertUsable(page);
    await picture(page, `${kind}-profile`);
  });

  await check('with it, the user\'s session is found on the page and by REST', async () => {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sessions' }).click();
    await page.getByRole('searchbox').waitFor();
    assert.equal(page.url(), consoleUrl('/realms/alpha/sessions'));
    await assertUsable(page);
    await picture(page, `${kind}-search`);
    await search(page, userId);
    const list = await handles(page);
    assert.equal(list.length, 1);
    assert.deepEqual(await found(token, '/alpha'), list);
    [handle] = list;
    await page.getByText('Last access').first().waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-found`);
  });

  await check('the page asks before it ends a session', async () => {
    await page.getByRole('link', { name: 'End…', exact: true }).click();
    await page.getByRole('heading', { name: 'End sessions?' }).waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-ask`);
    await page.getByRole('link', { name: 'Cancel' }).click();
    assert.deepEqual(await handles(page), [handle]);
    await user.goto(app);
    await user.getByText(`Hello ${userId}`).waitFor();
  });

  await check('an ended session is gone, and its user is asked to sign in', async () => {
    await page.getByRole('link', { name: 'End…', exact: true }).click();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('status').getByText('The session has ended.').waitFor();
    await page.getByText('No sessions found.').waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-ended`);
    assert.deepEqual(await found(token, '/alpha'), []);
    await user.goto(app);
    assert.equal(new URL(user.url()).pathname, '/am/XUI/');
  });

  await check('all of a user\'s sessions are ended at once', async () => {
    for (let i = 0; i < 3; i++) await authenticate('/realms/root/realms/alpha', username, password);
    await search(page, username);
    assert.equal((await handles(page)).length, 3);
    await picture(page, `${kind}-three`);
    await page.getByRole('link', { name: 'End all…' }).click();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('status').getByText('3').waitFor();
    assert.deepEqual(await found(token, '/alpha'), []);
  });

  await check('a session that a client carries is not found, and the page says why', async () => {
    await user.goto(carriedApp);
    await signIn(user, username, password);
    await user.getByText(`Hello ${userId}`).waitFor();
    await keepSecrets(user);
    await page.goto(consoleUrl('/realms/carried/sessions'));
    await search(page, userId);
    assert.deepEqual(await handles(page), []);
    await page.getByText('carried by the browser').waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-carried`);
    assert.deepEqual(await found(token, '/carried'), []);
  });

  await check('it can be ended with all of its user', async () => {
    await page.getByRole('link', { name: 'End all…' }).click();
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('status').getByText('have ended').waitFor();
    await user.goto(carriedApp);
    assert.equal(new URL(user.url()).pathname, '/am/XUI/');
  });

  await check('a user who is no administrator is told so', async () => {
    await user.goto(app);
    await signIn(user, username, password);
    await user.getByText(`Hello ${userId}`).waitFor();
    await keepSecrets(user);
    const response = await user.goto(consoleUrl('/realms/alpha/sessions'));
    assert.equal(response.status(), 403);
    await user.getByText('For administrators only').waitFor();
    user.mishaps = [];
    await assertUsable(user);
    await picture(user, `${kind}-denied`);
    await user.getByRole('button', { name: 'Sign out' }).click();
    await user.waitForURL((url) => url.pathname === '/am/XUI/' && url.searchParams.get('realm') === '/');
    assert.deepEqual(await found(token, '/alpha'), []);
  });

  await check('the console signs out', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out').waitFor();
    await page.goto(consoleUrl(''));
    assert.equal(new URL(page.url()).pathname, '/am/XUI/');
    assert.deepEqual(page.mishaps, []);
  });

  await user.context().close();
  await page.context().close();
}

await withBrowser(async (browser) => {
  await round(browser, kinds[kind]);
  if (kind !== 'desktop') return;

  await check('by keyboard alone: past the navigation to the content, and every control shows that it has the focus', async () => {
    const page = await newPage(browser, desktop);
    await page.goto(consoleUrl('/realms/alpha/identities'));
    await signIn(page, admin, adminPassword);
    await page.getByRole('searchbox').waitFor();
    await keepSecrets(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), '#main');
    await page.keyboard.press('Enter');
    for (let i = 0; i < 2; i++) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => ({
        inMain: !!document.activeElement.closest('main'),
        outline: getComputedStyle(document.activeElement).outlineStyle,
      }));
      assert.deepEqual(focused, { inMain: true, outline: 'solid' });
    }
    await page.context().close();
  });

  await check('a site with "console off" has none', async () => {
    const answer = await fetch(new URL('/am/console', publicSite), { redirect: 'manual' });
    assert.equal(answer.status, 404);
    assert.equal((await fetch(new URL('/am/json/serverinfo/*', publicSite))).status, 200);
  });
});
