// Walks through journeys on the login page in a real browser, with script and
// without: choice, text, confirmation, polling, attributes, terms, security
// questions, inner journeys, a device profile, and a journey that is suspended
// until the link in a mail is followed.

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
const submit = (page) => page.locator('form button[type="submit"]').first().click();
const heading = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
const mailLink = async () => secret(await (await fetch(`${mailbox}?to=${encodeURIComponent(user.mail)}`)).text());

async function signIn(page) {
  await page.locator('input[autocomplete~="username"]').fill(user.username);
  await page.locator('input[type="password"]').fill(user.password);
  await submit(page);
}

async function signedIn(page) {
  await page.getByText(`signed in as ${user.username}`, { exact: false }).first().waitFor();
  assert.deepEqual(page.mishaps, []);
  for (const { value } of await page.context().cookies()) secret(value);
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
    await page.getByRole('button', { name: 'Go on' }).click();
    await signedIn(page);
  },
  async 'polling'(page) {
    await start(page, 'Polling');
    await signIn(page);
    await signedIn(page);
  },
  async 'an inner journey and its retries'(page) {
    await start(page, 'Outer');
    await signIn(page);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('link', { name: /again/i }).waitFor();
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
    await page.getByRole('button', { name: 'Continue' }).click();
    await signedIn(page);
    await page.goto(link);
    if (await page.getByRole('button', { name: 'Continue' }).count()) {
      await page.getByRole('button', { name: 'Continue' }).click();
    }
    await picture(page, `${kind}-link-used`);
  },
  async 'a hidden value is for programs: a person cannot fake it'(page, kind) {
    await start(page, 'Badge');
    await signIn(page);
    await page.locator('input[type="password"]').waitFor({ state: 'detached' });
    await picture(page, `${kind}-hidden`);
    await submit(page);
    await page.getByRole('link', { name: /again/i }).waitFor();
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
