// Walks through journeys with Ping's JavaScript clients, the same for the SDK and
// for journey-client, in Node and in a browser. Each walk has a name and a
// function that throws when something is not as it should be. What they need
// comes with the call: the client (see tools), the user, and mailLink, which
// waits for a mail to an address and returns its link.

/** Compares by value, in browsers too. */
export function equal(actual, expected, what = 'value') {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${what}: got ${a}, want ${e}`);
}

export function ok(condition, what) {
  if (!condition) throw new Error(what);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const types = (step) => step.callbacks.map((c) => c.getType());

/** Fails unless step is a step that asks callbacks of these types. */
function asks(step, ...expected) {
  equal(step.type, 'Step', step.type === 'LoginFailure' ? `type (${step.getMessage()})` : 'type');
  equal(types(step), expected, 'callbacks');
  ok(/^[\w-]+\.[\w-]+\.[\w-]+$/.test(step.payload.authId), 'the authId is no JWT');
  return step;
}

/** Fails unless end is a login with a session; returns its token. */
function succeeds(end) {
  equal(end.type, 'LoginSuccess', end.type === 'LoginFailure' ? `type (${end.getMessage()})` : 'type');
  ok(end.getSessionToken(), 'there is no token');
  ok(end.getSuccessUrl(), 'there is no successUrl');
  return end.getSessionToken();
}

/** Fails unless end is a refusal with this message. */
function fails(end, message, errorCode) {
  equal(end.type, 'LoginFailure', 'type');
  equal(end.getCode(), 401, 'code');
  equal(end.getMessage(), message, 'message');
  equal(end.getDetail()?.errorCode, errorCode, 'errorCode');
}

function fill(step, { username, password }) {
  step.getCallbackOfType('NameCallback').setName(username);
  step.getCallbackOfType('PasswordCallback').setPassword(password);
  return step;
}

/** What a step is now: clients fill it in in place. */
const payloadOf = (step) => JSON.parse(JSON.stringify(step.payload));

export const walks = [
  {
    name: 'a page with stage, header and description',
    async run({ user, next }) {
      const step = asks(await next(undefined, 'Page'), 'NameCallback', 'PasswordCallback');
      equal(step.getStage(), 'UsernamePassword', 'stage');
      equal(step.getHeader(), 'Welcome', 'header');
      equal(step.getDescription(), 'Please sign in.', 'description');
      equal(step.callbacks.map((c) => c.payload._id), [0, 1], '_id');
      succeeds(await next(fill(step, user)));
    },
  },
  {
    name: 'a choice, by index and by value',
    async run({ user, next, signOut }) {
      for (const choose of [(c) => c.setChoiceIndex(1), (c) => c.setChoiceValue('password')]) {
        const step = asks(await next(undefined, 'Choice'), 'ChoiceCallback');
        const choice = step.getCallbackOfType('ChoiceCallback');
        equal(choice.getPrompt(), 'How?', 'prompt');
        equal(choice.getChoices(), ['give up', 'password'], 'choices');
        choose(choice);
        succeeds(await next(fill(asks(await next(step), 'NameCallback', 'PasswordCallback'), user)));
        await signOut();
      }
      const step = await next(undefined, 'Choice');
      step.getCallbackOfType('ChoiceCallback').setChoiceIndex(0);
      fails(await next(step), 'Login failure');
    },
  },
  {
    name: 'polling, answered too early and in time',
    async run({ user, next }) {
      let step = asks(await next(fill(await next(undefined, 'Polling'), user)), 'PollingWaitCallback');
      const wait = step.getCallbackOfType('PollingWaitCallback').getWaitTime();
      equal(wait, 1000, 'wait time');
      step = asks(await next(step), 'PollingWaitCallback');
      await pause(wait);
      succeeds(await next(step));
    },
  },
  {
    name: 'a message with two buttons',
    async run({ user, next }) {
      const step = asks(await next(fill(await next(undefined, 'Message'), user)), 'TextOutputCallback', 'ConfirmationCallback');
      equal(step.getCallbackOfType('TextOutputCallback').getMessage(), 'News for you.', 'message');
      equal(step.getCallbackOfType('TextOutputCallback').getMessageType(), '0', 'message type');
      const buttons = step.getCallbackOfType('ConfirmationCallback');
      equal(buttons.getOptions(), ['Go on', 'Stop'], 'options');
      buttons.setOptionIndex(0);
      succeeds(await next(step));
    },
  },
  {
    name: 'an inner journey',
    async run({ user, next }) {
      const step = asks(await next(undefined, 'Outer'), 'NameCallback', 'PasswordCallback');
      asks(await next(fill(step, user)), 'TextOutputCallback', 'ConfirmationCallback');
    },
  },
  {
    name: 'an inner journey cannot be started by itself',
    async run({ next }) {
      const end = await next(undefined, 'InnerOnly');
      equal([end.type, end.getCode(), end.getMessage()], ['LoginFailure', 400, 'No Configuration found']);
    },
  },
  {
    name: 'the retry limit',
    async run({ user, next }) {
      let step = await next(undefined, 'Login');
      for (let tries = 0; tries < 3; tries++) {
        asks(step, 'NameCallback', 'PasswordCallback');
        step = await next(fill(step, { ...user, password: 'wrong' }));
      }
      fails(step, 'Login failure');
    },
  },
  {
    name: 'an authId whose time is over',
    async run({ user, next }) {
      const step = asks(await next(undefined, 'Brief'), 'NameCallback', 'PasswordCallback');
      await pause(3200);
      fails(await next(fill(step, user)), 'Session has timed out', '110');
    },
  },
  {
    name: 'a step that was answered already is refused',
    async run({ user, next, stepOf }) {
      const first = fill(await next(undefined, 'Message'), user);
      const again = stepOf(payloadOf(first));
      const second = asks(await next(first), 'TextOutputCallback', 'ConfirmationCallback');
      fails(await next(again), 'Login failure');
      second.getCallbackOfType('ConfirmationCallback').setOptionIndex(0);
      const replay = stepOf(payloadOf(second));
      succeeds(await next(second));
      const refused = await next(replay);
      equal([refused.type, refused.getCode()], ['LoginFailure', 401], 'the end, replayed');
    },
  },
  {
    name: 'answers to another journey are refused',
    async run({ user, next, stepOf }) {
      const login = fill(await next(undefined, 'Login'), user);
      const choice = await next(undefined, 'Choice');
      const mixed = stepOf({ ...login.payload, authId: choice.payload.authId });
      const end = await next(mixed);
      equal([end.type, end.getCode()], ['LoginFailure', 400], 'answers of another journey');
      choice.getCallbackOfType('ChoiceCallback').setChoiceIndex(1);
      asks(await next(choice), 'NameCallback', 'PasswordCallback');
    },
  },
  {
    name: 'metadata on a page',
    async run({ user, next }) {
      const step = asks(await next(undefined, 'Metadata'), 'MetadataCallback', 'NameCallback', 'PasswordCallback');
      equal(step.getCallbackOfType('MetadataCallback').getData(), { theme: 'dark' }, 'data');
      succeeds(await next(fill(step, user)));
    },
  },
  {
    name: 'a hidden value',
    async run({ user, next, badge }) {
      const step = asks(await next(fill(await next(undefined, 'Badge'), user)), 'HiddenValueCallback');
      step.getCallbackOfType('HiddenValueCallback').setInputValue(badge);
      succeeds(await next(step));
    },
  },
  {
    name: 'a device profile',
    async run({ user, next, profile }) {
      const step = asks(await next(fill(await next(undefined, 'Device'), user)), 'DeviceProfileCallback');
      const device = step.getCallbackOfType('DeviceProfileCallback');
      equal([device.isMetadataRequired(), device.isLocationRequired()], [true, false], 'what is collected');
      device.setProfile(await profile(device));
      succeeds(await next(step));
    },
  },
  {
    name: 'a suspended journey is resumed by the link of the mail, once',
    async run({ user, next, stepOf, resume, mailLink }) {
      const step = await next(fill(await next(undefined, 'Mailed'), user));
      const replay = stepOf(payloadOf(step));
      asks(step, 'SuspendedTextOutputCallback');
      equal(step.getCallbackOfType('SuspendedTextOutputCallback').getMessage(), 'Look into your mail.', 'message');
      const link = await mailLink(user.mail);
      equal((await next(replay)).type, 'LoginFailure', 'an answer instead of the link');
      succeeds(await resume(link));
      const again = await resume(link);
      fails(again, 'org.forgerock.openam.auth.nodes.framework.token.SuspendedAuthSessionException: ' +
        'Token not found. It may have expired.');
    },
  },
];

/** The tools of a walk around the SDK, which is configured already. */
export function tools(sdk, extra) {
  return {
    next: (step, tree) => sdk.FRAuth.next(step, tree ? { tree } : undefined),
    resume: (link) => sdk.FRAuth.resume(link),
    stepOf: (payload) => new sdk.FRStep(payload),
    signOut: () => sdk.SessionManager.logout(),
    ...extra,
  };
}

/** The tools of a walk around a client of @forgerock/journey-client. */
export function toolsOf(client, extra) {
  return {
    next: (step, journey) => (step ? client.next(step) : client.start({ journey })),
    resume: (link) => client.resume(link),
    stepOf: (payload) => ({ type: 'Step', payload }),
    signOut: () => client.terminate(),
    ...extra,
  };
}
