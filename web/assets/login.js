// Comfort for browsers that run scripts. The pages work without it.
'use strict';

// Old links to sign out end in #logout/, which the server never sees. Where
// the link stood decides: one of another site is asked about first.
function logout() {
  if (!/^#logout\b/.test(location.hash) || !document.body.dataset.logout) return;
  const ours = document.referrer.startsWith(location.origin + '/');
  location.replace(document.body.dataset.logout + (ours ? '' : '&confirm=true'));
}
logout();
addEventListener('hashchange', logout);

// What went wrong is read out, and seen, first.
const trouble = document.querySelector('[role=alert][tabindex]');
if (trouble) trouble.focus();

// A form is not sent twice by a second click. It can be sent again after a
// while, or after coming back to its page.
const patience = 10000;

function release(form) {
  form.ariaBusy = 'false';
  for (const button of form.querySelectorAll('[data-label]')) button.textContent = button.dataset.label;
}

for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    if (form.ariaBusy === 'true') {
      event.preventDefault();
      return;
    }
    form.ariaBusy = 'true';
    const pressed = event.submitter;
    if (pressed) {
      pressed.dataset.label = pressed.textContent;
      pressed.textContent = form.dataset.working;
    }
    setTimeout(release, patience, form);
  });
}
addEventListener('pageshow', () => [...document.forms].forEach(release));

// A form that waits for something, or leads on, goes by itself in time.
for (const form of document.querySelectorAll('form[data-wait]')) {
  setTimeout(() => form.requestSubmit(), Number(form.dataset.wait));
}

// A step may ask what the device is like. The answer has the form of AM's SDK.
function deviceName() {
  const known = localStorage.getItem('amgate-device');
  if (known) return known;
  const name = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
  localStorage.setItem('amgate-device', name);
  return name;
}

function whereabouts() {
  return new Promise((resolve) => {
    if (!navigator.geolocation) return resolve({});
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ latitude: coords.latitude, longitude: coords.longitude }),
      () => resolve({}),
      { timeout: 10000 },
    );
  });
}

async function describeDevice(field) {
  const { appCodeName, appName, appVersion, language, platform, userAgent, hardwareConcurrency, maxTouchPoints } = navigator;
  const { width, height, pixelDepth } = screen;
  const profile = {
    identifier: deviceName(),
    metadata: {
      hardware: { cpuClass: null, deviceMemory: navigator.deviceMemory ?? null, hardwareConcurrency, maxTouchPoints,
        display: { width, height, pixelDepth, angle: screen.orientation?.angle } },
      browser: { appCodeName, appName, appVersion, language, userAgent },
      platform: { language, platform, userAgent, timezone: new Date().getTimezoneOffset() },
    },
  };
  if (field.dataset.device === 'location') profile.location = await whereabouts();
  field.value = JSON.stringify(profile);
}

const devices = [...document.querySelectorAll('input[data-device]')];
if (devices.length) {
  const { form } = devices[0];
  const alone = ![...form.elements].some((e) => e.type !== 'hidden' && e.type !== 'submit');
  Promise.all(devices.map(describeDevice)).then(() => {
    if (alone) form.requestSubmit();
  });
}
