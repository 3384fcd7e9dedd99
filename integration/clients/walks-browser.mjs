// Walks through journeys with Ping's JavaScript SDK, bundled but unmodified, in
// a page of another origin.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { assert, check, newPage, secret, setting, withBrowser } from './checks.mjs';
import { walks } from './walks.mjs';

const mailbox = setting('AMGATE_MAILBOX');

const bundle = await build({
  stdin: {
    contents: `export * as sdk from "@forgerock/javascript-sdk"; export * from "./walks.mjs"`,
    resolveDir: dirname(fileURLToPath(import.meta.url)),
  },
  bundle: true,
  format: 'iife',
  globalName: 'amgate',
  write: false,
});

// walk runs in the page.
async function walk([name, config, user, badge]) {
  const { sdk, tools, walks } = globalThis.amgate;
  sdk.Config.set(config);
  const env = tools(sdk, {
    user,
    badge,
    mailLink: (to) => globalThis.mailLink(to),
    profile: (callback) => new sdk.FRDevice().getProfile({
      location: callback.isLocationRequired(), metadata: callback.isMetadataRequired(),
    }),
  });
  await walks.find((w) => w.name === name).run(env);
}

await withBrowser(async (browser) => {
  for (const { name } of walks) {
    await check(name, async () => {
      const page = await newPage(browser);
      await page.exposeFunction('mailLink', async (to) =>
        secret(await (await fetch(`${mailbox}?to=${encodeURIComponent(to)}`)).text()));
      await page.goto(setting('AMGATE_PAGE'));
      await page.addScriptTag({ content: bundle.outputFiles[0].text });
      await page.evaluate(walk, [
        name,
        { serverConfig: { baseUrl: `${setting('AMGATE_AM')}/`, timeout: 20_000 }, realmPath: setting('AMGATE_REALM').slice(1) },
        { username: setting('AMGATE_USER'), password: setting('AMGATE_PASSWORD'), mail: setting('AMGATE_MAIL') },
        setting('AMGATE_BADGE'),
      ]);
      const bound = (await page.context().cookies()).filter((c) => c.name.endsWith('amgate'));
      assert.ok(bound.length > 0 || name.includes('cannot be started'), 'the journey was not bound to the browser');
      for (const { value } of await page.context().cookies()) secret(value);
      await page.context().close();
    });
  }
});
