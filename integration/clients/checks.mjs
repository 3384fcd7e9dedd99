// What the scripts of this folder share: how they report to the Go tests that
// run them, and the browser they drive.
//
// A script prints one line of JSON for each check, {"name", "ok"} and, if it
// failed, "error"; and {"secret"} for each token it was given, so that the
// tests can look for it in the logs. The first failed check ends the script.

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { chromium } from 'playwright-core';

/** Reads a setting that the Go tests pass in the environment. */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Tells the tests about a value that must not be found in any log. */
export function secret(value) {
  if (value) print({ secret: value });
  return value;
}

/** Runs one check and reports it. */
export async function check(name, body) {
  try {
    await body();
    print({ name, ok: true });
  } catch (error) {
    print({ name, ok: false, error: inspect(error) });
    throw new Error(`check failed: ${name}`);
  }
}

/**
 * Runs a script's checks with a browser, and closes it whatever happens. The
 * browser takes more arguments for it.
 */
export async function withBrowser(body, ...more) {
  const browser = await chromium.launch({
    executablePath: setting('AMGATE_CHROMIUM'),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...trust(),
      ...more,
    ],
  });
  try {
    await body(browser);
  } finally {
    await browser.close();
  }
}

// trust makes the browser accept the certificates that one intermediate CA
// has signed, and no other unknown ones.
function trust() {
  const path = process.env.AMGATE_TLS_INTERMEDIATE;
  if (!path) return [];
  const key = new X509Certificate(readFileSync(path)).publicKey.export({ type: 'spki', format: 'der' });
  const hash = createHash('sha256').update(key).digest('base64');
  return [`--ignore-certificate-errors-spki-list=${hash}`];
}

/**
 * Opens a page of a new, empty browser profile. What goes wrong in the page
 * without being seen on it, such as a breach of its CSP, is collected in
 * page.mishaps.
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.mishaps = [];
  page.on('pageerror', (error) => page.mishaps.push(`script error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) page.mishaps.push(text);
  });
  return page;
}

/** Saves a picture of the page, if the tests want any. */
export async function picture(page, name) {
  const folder = process.env.AMGATE_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/**
 * Checks by hand what matters most to people with a screen reader or a small
 * screen.
 */
export async function assertUsable(page) {
  const found = await page.evaluate(() => {
    const shown = (element) => element.getClientRects().length > 0;
    const fields = [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(shown);
    const named = (element) => (element.textContent || element.getAttribute('aria-label') || '').trim() !== '';
    return {
      language: document.documentElement.lang,
      title: document.title.trim(),
      headings: document.querySelectorAll('h1').length,
      main: document.querySelectorAll('main').length,
      viewport: document.querySelector('meta[name=viewport]')?.content ?? '',
      unlabelled: fields.filter((f) => ![...f.labels].some(named) && !f.getAttribute('aria-label')).map((f) => f.name),
      nameless: [...document.querySelectorAll('button, a[href]')].filter((e) => shown(e) && !named(e)).length,
      small: [...document.querySelectorAll('form button')].filter((b) => shown(b) && b.getBoundingClientRect().height < 32).length,
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
  });
  assert.ok(found.language, 'the page does not name its language');
  assert.ok(found.title, 'the page has no title');
  assert.equal(found.headings, 1, 'a page has one h1');
  assert.equal(found.main, 1, 'a page has one main landmark');
  assert.match(found.viewport, /width=device-width/);
  assert.deepEqual(found.unlabelled, [], 'fields without a label');
  assert.equal(found.nameless, 0, 'buttons or links without a name');
  assert.equal(found.small, 0, 'buttons too small to hit');
  assert.equal(found.wide, 0, 'the page scrolls sideways');
  assert.deepEqual(page.mishaps, []);
}

export { assert };
