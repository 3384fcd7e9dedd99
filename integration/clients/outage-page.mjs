// Signs in through the login page in a real browser while the store goes away
// and comes back: with scripts and without them.

import { assert, check, newPage, picture, secret, setting, withBrowser } from './checks.mjs';

const app = setting('AMGATE_APP'); // a protected page of the login page's own site
const store = setting('AMGATE_STORE_SWITCH'); // where the tests take the store away and bring it back
const realm = setting('AMGATE_REALM');
const username = setting('AMGATE_USER');
const password = setting('AMGATE_PASSWORD');
const loginUrl = new URL(`/am/XUI/?realm=${realm}`, app).href;

async function turn(state) {
  const answer = await fetch(`${store}/${state}`, { method: 'POST' });
  assert.equal(answer.status, 204, await answer.text());
}

const name = (page) => page.locator('input[autocomplete~="username"]');

// submit sends the form and returns the answer to that.
async function submit(page) {
  await page.locator('input[type="password"]').fill(password);
  const [response] = await Promise.all([
    page.waitForResponse((r) => r.request().method() === 'POST'),
    page.locator('form button[type="submit"]').first().click(),
  ]);
  return response;
}

async function walk(browser, kind, options) {
  const page = await newPage(browser, options);

  await check(`${kind}: a form that is sent in an outage comes back, filled in`, async () => {
    await page.goto(loginUrl);
    await name(page).fill(username);
    await turn('down');
    for (let times = 0; times < 2; times++) {
      const response = await submit(page);
      assert.equal(response.status(), 503);
      assert.ok(response.headers()['retry-after'], 'no Retry-After');
      await page.getByText('Nothing is lost').waitFor();
      assert.equal(await name(page).inputValue(), username);
      assert.equal(await page.locator('input[type="password"]').inputValue(), '', 'the password came back');
    }
    await picture(page, `outage-${kind}-form`);
  });

  await check(`${kind}: a login that begins in an outage says so and offers to try again`, async () => {
    const other = await newPage(browser, options);
    const response = await other.goto(loginUrl);
    assert.equal(response.status(), 503);
    assert.ok(response.headers()['retry-after'], 'no Retry-After');
    await other.getByText('Nothing is lost').waitFor();
    await picture(other, `outage-${kind}-begin`);
    await turn('up');
    await other.getByRole('link').first().click();
    await name(other).waitFor();
    assert.deepEqual(other.mishaps, []);
    await other.context().close();
  });

  await check(`${kind}: after the outage the same form signs in`, async () => {
    assert.equal((await submit(page)).status(), 200);
    await page.waitForURL(app);
    await page.getByText(`Hello ${username}`).waitFor();
    for (const { value } of await page.context().cookies()) secret(value);
    assert.deepEqual(page.mishaps, []);
  });
}

await withBrowser(async (browser) => {
  await walk(browser, 'with script', {});
  await walk(browser, 'without script', { javaScriptEnabled: false });
});
