// Drives journeys with Ping's JavaScript SDK, bundled but unmodified, in a
// page of another origin: the login lives or dies with CORS and cookies.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { assert, check, newPage, secret, setting, withBrowser } from './checks.mjs';

const am = setting('AMGATE_AM');
const realm = setting('AMGATE_REALM');
const username = setting('AMGATE_USER');
const password = setting('AMGATE_PASSWORD');
const allowed = setting('AMGATE_PAGE'); // a page whose origin the realm lists for CORS
const foreign = setting('AMGATE_FOREIGN_PAGE'); // one whose origin it does not

const bundle = await build({
  stdin: { contents: 'export * from "@forgerock/javascript-sdk"', resolveDir: dirname(fileURLToPath(import.meta.url)) },
  bundle: true,
  format: 'iife',
  globalName: 'forgerock',
  write: false,
});

async function sdkPage(browser, url) {
  const page = await newPage(browser);
  await page.goto(url);
  await page.addScriptTag({ content: bundle.outputFiles[0].text });
  await page.evaluate(
    ([baseUrl, realmPath]) => forgerock.Config.set({ serverConfig: { baseUrl, timeout: 20_000 }, realmPath }),
    [`${am}/`, realm.slice(1)],
  );
  return page;
}

// login answers one page of the journey, and tells in plain values how the
// journey goes on. It runs in the page.
async function login([name, pass]) {
  const { CallbackType, FRAuth } = forgerock;
  const step = await FRAuth.start();
  if (step.type !== 'Step') return { type: step.type, token: step.getSessionToken?.() };
  step.getCallbackOfType(CallbackType.NameCallback).setName(name);
  step.getCallbackOfType(CallbackType.PasswordCallback).setPassword(pass);
  const end = await FRAuth.next(step);
  return { type: end.type, authId: step.payload.authId, token: end.getSessionToken?.(), code: end.getCode?.() };
}

await withBrowser(async (browser) => {
  const page = await sdkPage(browser, allowed);

  await check('a page of a listed origin logs in', async () => {
    const end = await page.evaluate(login, [username, password]);
    secret(end.authId);
    assert.equal(end.type, 'LoginSuccess');
    assert.ok(secret(end.token), 'no token');
  });

  await check('the browser keeps the cookie out of the reach of scripts', async () => {
    const cookies = await page.context().cookies(am);
    const cookie = cookies.find((c) => c.name === 'iPlanetDirectoryPro');
    assert.ok(cookie, 'there is no session cookie');
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.sameSite, 'Lax');
    assert.equal(cookie.secure, am.startsWith('https:'));
    assert.ok(!(await page.evaluate(() => document.cookie)).includes(cookie.value.slice(0, 20)));
  });

  await check('the browser sends the cookie: a second start succeeds at once', async () => {
    assert.deepEqual(await page.evaluate(login, [username, password]), { type: 'LoginSuccess', token: '' });
  });

  await check('the SDK logs out', async () => {
    await page.evaluate(() => forgerock.FRUser.logout({ redirect: false }));
    assert.equal((await page.context().cookies(am)).find((c) => c.name === 'iPlanetDirectoryPro'), undefined);
    assert.equal((await page.evaluate(() => forgerock.FRAuth.start())).type, 'Step');
  });

  await check('a failure can be read across origins', async () => {
    const end = await page.evaluate(async () => {
      const failure = await forgerock.FRAuth.start({ tree: 'NoSuchJourney' });
      return { type: failure.type, code: failure.getCode(), message: failure.getMessage() };
    });
    assert.deepEqual(end, { type: 'LoginFailure', code: 400, message: 'No Configuration found' });
  });

  await check('a page of an origin that is not listed cannot read anything', async () => {
    const page = await sdkPage(browser, foreign);
    await assert.rejects(page.evaluate(login, [username, password]), /Failed to fetch/);
  });
});
