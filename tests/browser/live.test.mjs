// A whole server and a real browser: a customer signs in, agrees, looks after her account, takes back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { FORMS, flaws, focused, launch } from './browser.mjs';

const peers = pathToFileURL(join(process.env.GRANTOR_ROOT, 'tests/peers/world.mjs'));
const { startWorld } = await import(peers);

const CALLBACK = 'https://shop.example/callback';
const PASSWORD = 'eleven herons over the weir';
const NEW_PASSWORD = 'a tandem in the November rain';
const VERIFIER = 'a-verifier-that-is-long-enough-to-be-one-43-characters';
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');

let world;
let browser;
let secret;

async function manage(method, path, body) {
  const answer = await fetch(`${world.issuer}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${world.administrator_token}`,
      'content-type': 'application/json',
      'if-match': '*',
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

before(async () => {
  world = await startWorld();
  world.tenant = async () => {
    const headers = { authorization: `Bearer ${world.administrator_token}` };
    const answer = await fetch(`${world.issuer}/api/v1/tenants`, { headers });
    const { name, settings, ...body } = (await answer.json()).items[0];
    return { name, settings, body };
  };
  await manage('POST', '/resource-types', {
    id: 'wishlist', name: 'Wishlist', owners: ['customers'], audience: 'https://wishes.example',
  });
  const scopes = {
    'wishlist.read': ['See your wishlist', 'Ihre Wunschliste sehen'],
    'wishlist.write': ['Add to your wishlist', 'Ihre Wunschliste ergänzen'],
  };
  for (const [token, [en, de]] of Object.entries(scopes)) {
    await manage('POST', '/scopes', {
      token, resource_type: 'wishlist', rule: { granted: 'owner' }, summary: { en, de },
    });
  }
  const user = await manage('POST', '/users', { realm: 'customers', name: 'anna', display_name: 'Anna Ahorn' });
  await manage('POST', `/users/${user.id}/password`, { password: PASSWORD });
  const client = await manage('POST', '/clients', {
    id: 'shoe-shop',
    name: 'Shoe shop',
    auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [CALLBACK],
    realms: ['customers'],
    scopes: Object.keys(scopes),
  });
  secret = client.client_secret;
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

/** A browser window that notes what a policy forbade and what was asked of others. */
async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: FORMS.phone, locale: 'en-GB', ...options });
  const page = await context.newPage();
  const forbidden = [];
  const outside = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) forbidden.push(message.text());
  });
  await page.route('**', (route) => {
    const url = route.request().url();
    if (url.startsWith(world.issuer) || url.startsWith('data:')) return route.continue();
    outside.push(url);
    return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>Shop</title><h1>Back at the shop</h1>' });
  });
  return { context, page, forbidden, outside };
}

function request(more = {}) {
  const query = new URLSearchParams({
    client_id: 'shoe-shop',
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'wishlist.read wishlist.write',
    state: 'here',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  });
  return `${world.issuer}/oauth2/authorize?${query}`;
}

/** What the shop is told. There is no shop: that the browser asks for it is enough. */
async function backAtShop(page, leave) {
  const asked = page.waitForRequest((asked) => asked.url().startsWith(CALLBACK), { timeout: 10_000 });
  // Nobody answers there. The next page is opened when the browser has said so, or it would be
  // interrupted by that.
  const arrived = page.waitForEvent('framenavigated', {
    predicate: (frame) => frame === page.mainFrame() && frame.url().startsWith('chrome-error:'), timeout: 10_000,
  });
  await leave();
  const back = new URL((await asked).url()).searchParams;
  await arrived;
  return back;
}

async function token(fields) {
  const answer = await fetch(`${world.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`shoe-shop:${secret}`).toString('base64')}` },
    body: new URLSearchParams(fields),
  });
  return answer.json();
}

async function isActive(accessToken) {
  const headers = { authorization: `Bearer ${accessToken}` };
  return (await fetch(`${world.issuer}/oauth2/tokeninfo`, { headers })).ok;
}

async function looksRight(page, where) {
  assert.deepEqual(await flaws(page), [], where);
}

test('a customer signs in and agrees with the keyboard alone, and takes one thing back', { timeout: 120_000 }, async () => {
  const { context, page, forbidden, outside } = await visitor();
  await page.goto(request());
  await looksRight(page, 'sign-in');
  await focused(page, 'username');
  await page.keyboard.type('anna');
  if (!(await page.isVisible('#password'))) {
    await page.keyboard.press('Enter');
    await focused(page, 'password');
  } else {
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('not the password');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#form-error');
  await looksRight(page, 'sign-in, refused');
  await page.focus('#password');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#consent-form');
  await looksRight(page, 'consent');
  assert.match(await page.textContent('main'), /Shoe shop[^]*Add to your wishlist[^]*shop\.example/);
  // The browser lets the form end at the shop: the policy names it.
  await page.focus('#consent-approve');
  const back = await backAtShop(page, () => page.keyboard.press('Enter'));
  assert.equal(back.get('state'), 'here');
  assert.equal(back.get('iss'), world.issuer);
  assert.deepEqual(forbidden, []);
  outside.length = 0;
  const bought = await token({
    grant_type: 'authorization_code', code: back.get('code'), redirect_uri: CALLBACK, code_verifier: VERIFIER,
  });
  assert.ok(await isActive(bought.access_token));

  for (const path of ['', '/applications', '/sessions', '/activity', '/profile', '/password']) {
    await page.goto(`${world.issuer}/account${path}`);
    await looksRight(page, `account${path}`);
  }
  await page.goto(`${world.issuer}/account/applications`);
  await page.click('[data-client="shoe-shop"] [data-scope="wishlist.write"] button');
  await page.waitForSelector('#notice');
  assert.ok(!(await isActive(bought.access_token)), 'what was taken back is dead at once');
  assert.equal(await page.locator('[data-scope="wishlist.write"]').count(), 0);
  assert.equal(await page.locator('[data-scope="wishlist.read"]').count(), 1);
  await new Promise((done) => { setTimeout(done, 1_100); });
  const next = await token({ grant_type: 'refresh_token', refresh_token: bought.refresh_token });
  assert.equal(next.scope, 'wishlist.read');
  assert.ok(await isActive(next.access_token));
  assert.deepEqual(forbidden, []);
  assert.deepEqual(outside, []);
  await context.close();
});

test('without scripts and in German it goes just as well', { timeout: 120_000 }, async () => {
  const { context, page } = await visitor({ javaScriptEnabled: false, locale: 'de-DE' });
  await page.goto(request({ prompt: 'consent' }));
  await page.fill('#username', 'anna');
  if (!(await page.isVisible('#password'))) await page.click('#login-submit');
  await page.fill('#password', PASSWORD);
  await page.click('#login-submit');
  assert.match(await page.textContent('h1'), /Shoe shop bittet um Ihre Erlaubnis/);
  assert.match(await page.textContent('main'), /Ihre Wunschliste ergänzen/);
  await page.uncheck('input[value="wishlist.write"]');
  const code = (await backAtShop(page, () => page.click('#consent-approve'))).get('code');
  const bought = await token({
    grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER,
  });
  assert.equal(bought.scope, 'wishlist.read');
  await context.close();
});

test('another password signs every other device out', { timeout: 120_000 }, async () => {
  const signIn = async (page, password) => {
    await page.goto(`${world.issuer}/account`);
    await page.fill('#username', 'anna');
    if (!(await page.isVisible('#password'))) await page.click('#login-submit');
    await page.fill('#password', password);
    await page.click('#login-submit');
    await page.waitForURL(`${world.issuer}/account`);
  };
  const [here, elsewhere] = [await visitor(), await visitor()];
  await signIn(here.page, PASSWORD);
  await signIn(elsewhere.page, PASSWORD);
  await here.page.goto(`${world.issuer}/account/password`);
  await here.page.fill('#current', PASSWORD);
  await here.page.fill('#new', NEW_PASSWORD);
  await here.page.fill('#again', NEW_PASSWORD);
  await here.page.click('#password-submit');
  await here.page.waitForSelector('#notice');
  await elsewhere.page.goto(`${world.issuer}/account`);
  assert.ok(await elsewhere.page.isVisible('#login-form'));
  await signIn(elsewhere.page, NEW_PASSWORD);
  assert.deepEqual([...here.forbidden, ...elsewhere.forbidden], []);
  await here.context.close();
  await elsewhere.context.close();
});

test('somebody chooses an account, goes on by a form that posts itself, and signs out', { timeout: 120_000 }, async () => {
  const { context, page, forbidden } = await visitor({ colorScheme: 'dark' });
  await page.goto(`${world.issuer}/account`);
  await page.fill('#username', 'anna');
  await page.fill('#password', NEW_PASSWORD);
  await page.click('#login-submit');
  await page.waitForURL(`${world.issuer}/account`);
  await page.goto(request({ prompt: 'select_account', response_mode: 'form_post' }));
  await looksRight(page, 'account choice');
  assert.equal(await page.locator('button[name=account]').count(), 1);
  const asked = page.waitForRequest((asked) => asked.url().startsWith(CALLBACK), { timeout: 10_000 });
  await page.click('button[name=account]');
  await page.waitForSelector('#consent-form', { timeout: 3_000 }).then(
    () => page.click('#consent-approve'),
    () => {},
  );
  const answer = await asked;
  assert.equal(answer.method(), 'POST');
  assert.equal(new URLSearchParams(answer.postData()).get('state'), 'here');
  assert.deepEqual(forbidden, []);
  await page.goto(`${world.issuer}/account`);
  await page.click('#sign-out');
  await page.waitForSelector('#logout-form');
  await looksRight(page, 'logout');
  await page.click('#logout-cancel');
  await page.goto(`${world.issuer}/account`);
  assert.ok(await page.isVisible('#sign-out'), 'whoever stays stays');
  await page.click('#sign-out');
  await page.click('#logout-confirm');
  await page.waitForSelector('#logged-out');
  await looksRight(page, 'logged out');
  await page.goto(`${world.issuer}/account`);
  assert.ok(await page.isVisible('#login-form'));
  assert.deepEqual(forbidden, []);
  await context.close();
});

test('name first, then the password: each on a page of its own, in the look of the tenant', { timeout: 120_000 }, async () => {
  const tenant = await world.tenant();
  const settings = { ...tenant.settings, sign_in_page: 'identity_first' };
  settings.look = { name: 'Acme & Co', accent: '#ffd400', texts: { en: { sign_in_hint: 'Use your customer number.' } } };
  await manage('PUT', `/tenants/${tenant.name}`, { ...tenant.body, settings });
  const { context, page, forbidden } = await visitor({ viewport: FORMS.desktop });
  await page.goto(request({ prompt: 'login' }));
  assert.match(await page.textContent('body'), /Acme & Co[^]*Use your customer number\./);
  assert.ok(!(await page.isVisible('#password')));
  await looksRight(page, 'name');
  await focused(page, 'username');
  await page.keyboard.type('anna');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#password');
  await looksRight(page, 'password');
  assert.match(await page.textContent('main'), /anna/);
  await focused(page, 'password');
  await page.keyboard.type(NEW_PASSWORD);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#consent-form, #error-page', { timeout: 5_000 }).catch(() => {});
  assert.equal(await page.locator('#error-page, #form-error').count(), 0);
  assert.deepEqual(forbidden, []);
  await context.close();
  await manage('PUT', `/tenants/${tenant.name}`, { ...tenant.body, settings: tenant.settings });
});

test('trap_020 a request that leads nowhere safe is a page that says so', async () => {
  const { context, page, outside } = await visitor();
  const answer = await page.goto(request({ redirect_uri: 'https://evil.example/cb' }));
  assert.equal(answer.status(), 400);
  assert.ok(await page.isVisible('#error-page[data-error]'));
  assert.ok(await page.isVisible('#decision-id'));
  await looksRight(page, 'error');
  assert.deepEqual(outside, []);
  await context.close();
});

test('sec_113 no page lets itself be framed', async () => {
  const { context, page } = await visitor();
  await page.route('https://evil.example/**', (route) => route.fulfill({
    contentType: 'text/html', body: `<!doctype html><iframe src="${world.issuer}/account"></iframe>`,
  }));
  await page.goto('https://evil.example/');
  await page.waitForTimeout(500);
  const inside = page.frames().find((frame) => frame.url().startsWith(world.issuer));
  assert.ok(!inside || !(await inside.$('#login-form')));
  await context.close();
});
