// Walks through journeys on the login page in a real browser, with script and
// without: what walks.mjs walks with Ping's clients, and attributes, terms and
// security questions.

import { setTimeout as pause } from 'node:timers/promises';
import { assert, check, newPage, picture, secret, setting, withBrowser } from './checks.mjs';

const am = setting('AMGATE_AM');
const realm = setting('AMGATE_REALM');
const user = { username: setting('AMGATE_USER'), password: setting('AMGATE_PASSWORD'), mail: setting('AMGATE_MAIL') };
const mailbox = setting('AMGATE_MAILBOX');

const kinds = [
  ['script', { viewport: { width: 1280, height: 800 } }],
  ['no-script', { viewport: { width: 390, height: 844 }, javaScriptEnabled: false, colorScheme: 'dark' }],
];

const start = (page, journey) => page.goto(`${am}/XUI/?realm=${realm}&service=${journey}`);
const press = (page, button) => page.getByRole('button', { name: button }).click();
const submit = (page) => page.locator('form button[type="submit"]').first().click();
const heading = (page, text) => page.locator('h1', { hasText: text }).waitFor();
const mailLink = async () => secret(await (await fetch(`${mailbox}?to=${encodeURIComponent(user.mail)}`)).text());

async function signIn(page, password = user.password) {
  await page.locator('input[autocomplete~="username"]').fill(user.username);
  await page.locator('input[type="password"]').fill(password);
  await submit(page);
}

const ssoToken = async (page) => (await page.context().cookies()).find((c) => c.name === 'iPlanetDirectoryPro')?.value;

async function signedIn(page) {
  await page.getByText(`signed in as ${user.username}`, { exact: false }).first().waitFor();
  assert.deepEqual(page.mishaps, []);
  for (const { value } of await page.context().cookies()) secret(value);
}

/** Waits for the page of a journey that failed, from which it can begin anew. */
async function failed(page) {
  await heading(page, 'Sign-in failed');
  await page.getByRole('link', { name: 'Try again' }).waitFor();
  assert.deepEqual(page.mishaps, []);
}

/** Sends the page's form to a tab of its own, so that it can be sent again. */
async function submitElsewhere(page, button) {
  const form = page.locator('form');
  await form.evaluate((f) => { f.target = '_blank'; });
  const opened = page.context().waitForEvent('page');
  await press(page, button);
  const tab = await opened;
  tab.mishaps = page.mishaps;
  await tab.locator('h1').waitFor();
  await form.evaluate((f) => {
    f.target = '';
    f.ariaBusy = 'false'; // what keeps a second click from sending it twice
  });
  return tab;
}

const walks = {
  async 'a page with header and description'(page) {
    await start(page, 'Page');
    await heading(page, 'Welcome');
    await page.getByText('Please sign in.').waitFor();
    await signIn(page);
    await signedIn(page);
  },
  async 'a choice'(page, kind) {
    await start(page, 'Choice');
    const options = page.getByRole('radio');
    assert.equal(await options.count(), 2);
    await picture(page, `${kind}-choice`);
    await page.getByLabel('give up', { exact: true }).check();
    await submit(page);
    await failed(page);
    await page.getByRole('link', { name: 'Try again' }).click();
    await page.getByLabel('password', { exact: true }).check();
    await submit(page);
    await signIn(page);
    await signedIn(page);
  },
  async 'a message with two buttons'(page, kind) {
    await start(page, 'Message');
    await signIn(page);
    await page.getByText('News for you.').waitFor();
    await picture(page, `${kind}-message`);
    await press(page, 'Stop');
    await failed(page);
    await page.getByRole('link', { name: 'Try again' }).click();
    await signIn(page);
    await press(page, 'Go on');
    await signedIn(page);
  },
  async 'polling'(page) {
    await start(page, 'Polling');
    await signIn(page);
    await signedIn(page);
  },
  async 'an inner journey, left by either of its ends'(page) {
    await start(page, 'Outer');
    await signIn(page);
    await press(page, 'Stop');
    await failed(page);
    await page.getByRole('link', { name: 'Try again' }).click();
    await signIn(page);
    await press(page, 'Go on');
    await signedIn(page);
  },
  async 'an inner journey cannot be started by itself'(page) {
    await start(page, 'InnerOnly');
    await heading(page, 'Unknown way to sign in');
    assert.equal(await page.locator('form').count(), 0);
  },
  async 'the retry limit'(page, kind) {
    await start(page, 'Login');
    for (let retries = 0; retries < 2; retries++) {
      await signIn(page, 'wrong');
      await page.getByRole('alert').getByText('Check your user name').waitFor();
      assert.equal(await page.locator('input[type="password"]').inputValue(), '', 'the password came back');
    }
    await signIn(page, 'wrong');
    await failed(page);
    await picture(page, `${kind}-failed`);
    assert.equal(await ssoToken(page), undefined);
    await page.getByRole('link', { name: 'Try again' }).click();
    await signIn(page);
    await signedIn(page);
  },
  async 'a step whose time is over begins anew, and says so'(page, kind) {
    await start(page, 'Brief');
    await heading(page, 'Welcome');
    await pause(3200);
    await signIn(page);
    await page.getByRole('alert').getByText('timed out').waitFor();
    await picture(page, `${kind}-timed-out`);
    assert.equal(await page.locator('input[type="password"]').inputValue(), '', 'the password came back');
    assert.equal(await ssoToken(page), undefined);
  },
  async 'a step that was answered already is refused'(page) {
    await start(page, 'Message');
    await page.locator('input[autocomplete~="username"]').fill(user.username);
    await page.locator('input[type="password"]').fill(user.password);
    const tab = await submitElsewhere(page, 'Sign in');
    await tab.getByText('News for you.').waitFor();
    await press(page, 'Sign in');
    await failed(page);

    await signedIn(await submitElsewhere(tab, 'Go on'));
    const token = await ssoToken(page);
    await press(tab, 'Go on');
    // The journey is over, and who has its session already is told so.
    await heading(tab, /Sign-in failed|You are signed in/);
    assert.equal(await ssoToken(page), token, 'a replay gave another session');
  },
  async 'answers to another journey are refused'(page) {
    const other = await page.context().newPage();
    await start(other, 'Choice');
    await start(page, 'Login');
    const authId = await other.locator('input[name="authId"]').inputValue();
    await page.locator('input[name="authId"]').evaluate((input, value) => { input.value = value; }, authId);
    await signIn(page);
    await heading(page, 'Please start again');
    assert.equal(await ssoToken(page), undefined);
    await other.getByLabel('password', { exact: true }).check();
    await submit(other);
    await signIn(other);
    await signedIn(Object.assign(other, { mishaps: page.mishaps }));
  },
  async 'metadata on a page is for programs'(page) {
    await start(page, 'Metadata');
    await page.locator('input[type="password"]').waitFor();
    const shown = await page.locator('main').innerText();
    assert.ok(!/theme|dark/i.test(shown), `the page shows ${shown}`);
    assert.equal(await page.locator('input:visible').count(), 2, 'fields of name and password');
    await signIn(page);
    await signedIn(page);
  },
  async 'a login without a session'(page) {
    await page.goto(`${am}/XUI/?realm=${realm}&service=Login&noSession=true`);
    await signIn(page);
    await heading(page, 'All done');
    assert.equal(await ssoToken(page), undefined);
  },
  async 'attributes, terms and security questions'(page, kind) {
    await start(page, 'Profile');
    await signIn(page);
    await page.getByLabel(/given name|first name/i).fill('Babs');
    await submit(page);
    await page.getByText('Be nice.').waitFor();
    await picture(page, `${kind}-terms`);
    const accept = page.getByRole('checkbox');
    if (await accept.count()) await accept.check();
    await submit(page);
    await page.getByText(/security question/i).first().waitFor();
    await picture(page, `${kind}-kba`);
    await page.locator('select').nth(1).selectOption({ index: 1 });
    for (const answer of await page.locator('input[name$="answer"]').all()) await answer.fill('Rex');
    await submit(page);
    await signedIn(page);
  },
  async 'a device profile'(page, kind) {
    await start(page, 'Device');
    await signIn(page);
    if (kind === 'no-script') {
      await page.locator('noscript .warning').waitFor();
      await picture(page, `${kind}-device`);
      return;
    }
    await signedIn(page);
  },
  async 'a suspended journey and its link'(page, kind) {
    await start(page, 'Mailed');
    await signIn(page);
    await page.getByText('Look into your mail.').waitFor();
    await picture(page, `${kind}-suspended`);
    const link = await mailLink();
    // A program that looks at mails follows the link, too.
    assert.equal((await fetch(link)).status, 200);
    await page.goto(link);
    await heading(page, 'Continue signing in');
    await picture(page, `${kind}-resume`);
    await press(page, 'Continue');
    await signedIn(page);

    const token = await ssoToken(page);
    await page.goto(link);
    await heading(page, 'Continue signing in');
    await press(page, 'Continue');
    await heading(page, 'This link can no longer be used');
    await picture(page, `${kind}-link-used`);
    assert.equal(await ssoToken(page), token, 'the session that the link gave');
  },
  async 'a hidden value is for programs: a person cannot fake it'(page, kind) {
    await start(page, 'Badge');
    await signIn(page);
    await page.locator('input[type="password"]').waitFor({ state: 'detached' });
    await picture(page, `${kind}-hidden`);
    await submit(page);
    await failed(page);
  },
};

await withBrowser(async (browser) => {
  for (const [kind, options] of kinds) {
    for (const [name, walk] of Object.entries(walks)) {
      await check(`${kind}: ${name}`, async () => {
        const page = await newPage(browser, options);
        await walk(page, kind);
        await page.context().close();
      });
    }
  }
});
