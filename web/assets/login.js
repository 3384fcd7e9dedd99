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
