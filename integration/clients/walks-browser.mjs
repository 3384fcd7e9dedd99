// Walks through journeys with Ping's JavaScript clients, bundled but unmodified,
// in a page of another origin: the SDK, and journey-client, which finds the realm
// by its discovery document.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { assert, check, newPage, secret, setting, withBrowser } from './checks.mjs';
import { walks } from './walks.mjs';

const mailbox = setting('AMGATE_MAILBOX');

const bundle = await build({
  stdin: {
    contents: `export * as sdk from "@forgerock/javascript-sdk";
      export { journey } from "@forgerock/journey-client";
      export { Device } from "@forgerock/journey-client/device";
      export * from "./walks.mjs"`,
    resolveDir: dirname(fileURLToPath(import.meta.url)),
  },
  bundle: true,
  format: 'iife',
  globalName: 'amgate',
  write: false,
});

// walk runs in the page.
async function walk([client, name, am, realm, user, badge]) {
  const { sdk, journey, Device, tools, toolsOf, walks } = globalThis.amgate;
  const extra = {
    user,
    badge,
    mailLink: (to) => globalThis.mailLink(to),
    profile: (callback) => new (client === 'SDK' ? sdk.FRDevice : Device)().getProfile({
      location: callback.isLocationRequired(), metadata: callback.isMetadataRequired(),
    }),
  };
  let env;
  if (client === 'SDK') {
    sdk.Config.set({ serverConfig: { baseUrl: `${am}/`, timeout: 20_000 }, realmPath: realm.slice(1) });
    env = tools(sdk, extra);
  } else {
    const wellknown = `${am}/oauth2/realms/root/realms${realm}/.well-known/openid-configuration`;
    env = toolsOf(await journey({ config: { serverConfig: { wellknown } } }), extra);
  }
  await walks.find((w) => w.name === name).run(env);
}

const runs = ['SDK', 'journey-client'].flatMap((client) => walks.map(({ name }) => ({ client, name })));

await withBrowser(async (browser) => {
  for (const { client, name } of runs) {
    await check(`${client}: ${name}`, async () => {
      const page = await newPage(browser);
      await page.exposeFunction('mailLink', async (to) =>
        secret(await (await fetch(`${mailbox}?to=${encodeURIComponent(to)}`)).text()));
      await page.goto(setting('AMGATE_PAGE'));
      await page.addScriptTag({ content: bundle.outputFiles[0].text });
      await page.evaluate(walk, [
        client,
        name,
        setting('AMGATE_AM'),
        setting('AMGATE_REALM'),
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
