// Signs in and out through the login page in a real browser: with scripts,
// without them, and on a phone.

import { assert, assertUsable, check, newPage, picture, secret, setting, withBrowser } from './checks.mjs';

const app = setting('AMGATE_APP'); // a protected page of the login page's own site
const otherApp = setting('AMGATE_OTHER_APP'); // one of another origin, listed in goto_allow
const elsewhere = setting('AMGATE_ELSEWHERE'); // a page of another site
const realm = setting('AMGATE_REALM');
const username = setting('AMGATE_USER');
const password = setting('AMGATE_PASSWORD');

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const logoutUrl = new URL(`/am/UI/Logout?realm=${realm}`, app).href;

const isLogin = (url) => url.pathname.startsWith('/am/XUI/');

async function signIn(page, pass) {
  await page.locator('input[autocomplete~="username"]').fill(username);
  await page.locator('input[type="password"]').fill(pass);
  await page.locator('form button[type="submit"]').first().click();
}

async function keepSecrets(page) {
  for (const { value } of await page.context().cookies()) secret(value);
}

async function assertAskedToLogIn(page) {
  await page.goto(app);
  assert.ok(isLogin(new URL(page.url())), `not the login page: ${page.url()}`);
  await assertUsable(page);
}

// round goes the whole way once: asked, refused, let in, out, asked again.
async function round(browser, kind, options) {
  const page = await newPage(browser, options);

  await check(`${kind}: the app leads to the login page`, async () => {
    await assertAskedToLogIn(page);
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('autocomplete') ?? '');
    assert.match(focused, /username/, 'the first field does not have the focus');
    await picture(page, `${kind}-login`);
  });

  await check(`${kind}: a wrong password shows an error`, async () => {
    await signIn(page, 'not the password');
    await page.getByRole('alert').first().waitFor();
    assert.ok(isLogin(new URL(page.url())));
    assert.equal(await page.locator('input[type="password"]').inputValue(), '', 'the password came back');
    await assertUsable(page);
    await picture(page, `${kind}-wrong`);
  });

  await check(`${kind}: the right one leads back to the app, which greets by name`, async () => {
    await signIn(page, password);
    await page.waitForURL(app);
    await page.getByText(`Hello ${username}`).waitFor();
    await keepSecrets(page);
    assert.deepEqual(page.mishaps, []);
  });

  await check(`${kind}: every cookie is kept from scripts, other sites and other hosts`, async () => {
    const cookies = await page.context().cookies(app);
    assert.ok(cookies.length >= 2, 'there are no cookies to look at');
    const tls = app.startsWith('https:');
    for (const { name, httpOnly, secure, sameSite, domain } of cookies) {
      assert.deepEqual(
        { name, httpOnly, secure, sameSite, domain },
        { name, httpOnly: true, secure: tls, sameSite: 'Lax', domain: 'localhost' },
      );
    }
    if (tls) assert.ok(cookies.some((c) => c.name === '__Host-amgate'), 'our own cookie lacks its prefix');
  });

  await check(`${kind}: the login page knows who is signed in`, async () => {
    await page.goto(new URL(`/am/XUI/?realm=${realm}`, app).href);
    await page.getByText(username).first().waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-signed-in`);
  });

  await check(`${kind}: after signing out the app asks again`, async () => {
    // A link of the app leads to the logout, as in real ones.
    await page.goto(app);
    await page.getByRole('link', { name: 'Sign out' }).click();
    await page.waitForURL((url) => url.pathname.startsWith('/am/'));
    const confirm = page.getByRole('button', { name: /sign out/i });
    if (await confirm.count()) await confirm.first().click();
    await page.getByText(/signed out/i).first().waitFor();
    await assertUsable(page);
    await picture(page, `${kind}-signed-out`);
    await assertAskedToLogIn(page);
  });

  await page.context().close();
}

await withBrowser(async (browser) => {
  await round(browser, 'desktop', desktop);
  await round(browser, 'no-script', { ...desktop, javaScriptEnabled: false });
  await round(browser, 'phone', { ...phone, colorScheme: 'dark' });

  await check('the login leads on to an app of another, listed origin', async () => {
    const page = await newPage(browser, desktop);
    await page.goto(otherApp);
    assert.ok(isLogin(new URL(page.url())), `not the login page: ${page.url()}`);
    await signIn(page, password);
    await page.waitForURL(otherApp);
    await page.getByText(`Hello ${username}`).waitFor();
    assert.deepEqual(page.mishaps, []);
    await keepSecrets(page);
    await page.context().close();
  });

  await check('the third wrong password ends the journey, and one can try again', async () => {
    const page = await newPage(browser, desktop);
    await page.goto(app);
    for (let tries = 0; tries < 3; tries++) {
      await page.locator('input[type="password"]').waitFor();
      await signIn(page, 'not the password');
    }
    await page.locator('input[type="password"]').waitFor({ state: 'detached' });
    await assertUsable(page);
    await picture(page, 'desktop-failed');
    await page.getByRole('link', { name: /again/i }).or(page.getByRole('button', { name: /again/i })).first().click();
    await signIn(page, password);
    await page.waitForURL(app);
    await page.getByText(`Hello ${username}`).waitFor();
    await keepSecrets(page);
    await page.context().close();
  });

  await check('a page of another site cannot sign a person out', async () => {
    const page = await newPage(browser, desktop);
    await page.goto(app);
    await signIn(page, password);
    await page.getByText(`Hello ${username}`).waitFor();
    await keepSecrets(page);

    // A link that is followed carries the cookie, a subresource does not.
    await page.goto(elsewhere);
    await page.evaluate((url) => fetch(url, { mode: 'no-cors', credentials: 'include' }).catch(() => {}), logoutUrl);
    await page.evaluate((url) => location.assign(url), logoutUrl);
    await page.waitForURL((url) => url.pathname.startsWith('/am/'));
    await page.getByRole('button', { name: /sign out/i }).waitFor();
    await page.goto(app);
    await page.getByText(`Hello ${username}`).waitFor();
    await page.context().close();
  });
});
