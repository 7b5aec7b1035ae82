// openid-client, oauth4webapi and (in Chromium) oidc-client-ts: the authorization code flow over our pages.
import { startWorld } from './world.mjs';
import { Visitor } from './visitor.mjs';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { chromium } from 'playwright-core';

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.stop());

const scope = 'openid profile email sales_order.read';

/** Somebody signs in and agrees; the address of the callback. */
function authorize(url, name = 'carla') {
  return new Visitor(world.issuer).authorize(url, name, world.passwords[name]);
}

test('openid-client signs in, asks who it is, renews and withdraws', async () => {
  const config = await client.discovery(
    new URL(world.issuer), 'web', undefined, client.ClientSecretBasic(world.secrets.web),
    { execute: [client.allowInsecureRequests] },
  );
  assert.equal(config.serverMetadata().supportsPKCE(), true);
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: world.callback, scope, state, nonce, max_age: '3600',
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const tokens = await client.authorizationCodeGrant(config, await authorize(url), {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge: 3600, idTokenExpected: true,
  });
  const claims = tokens.claims();
  assert.equal(claims.iss, world.issuer);
  assert.ok(Number.isInteger(claims.auth_time));
  const told = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(told.sub, claims.sub);
  if (tokens.refresh_token) {
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(renewed.access_token, tokens.access_token);
    if (renewed.claims()) assert.equal(renewed.claims().auth_time, claims.auth_time);
  }
  await client.tokenRevocation(config, tokens.refresh_token ?? tokens.access_token);
});

test('openid-client is told that the person said no', async () => {
  const config = await client.discovery(
    new URL(world.issuer), 'web', undefined, client.ClientSecretBasic(world.secrets.web),
    { execute: [client.allowInsecureRequests] },
  );
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: world.callback, scope, state, prompt: 'none',
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const visitor = await new Visitor(world.issuer).open(url);
  await assert.rejects(
    client.authorizationCodeGrant(config, visitor.left, { pkceCodeVerifier: verifier, expectedState: state }),
    { error: 'login_required' },
  );
});

test('openid-client pushes its request (RFC 9126)', async () => {
  const config = await client.discovery(
    new URL(world.issuer), 'web', undefined, client.ClientSecretBasic(world.secrets.web),
    { execute: [client.allowInsecureRequests] },
  );
  assert.ok(config.serverMetadata().pushed_authorization_request_endpoint);
  const [verifier, state] = [client.randomPKCECodeVerifier(), client.randomState()];
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: world.callback, scope, state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const tokens = await client.authorizationCodeGrant(config, await authorize(url, 'conrad'), {
    pkceCodeVerifier: verifier, expectedState: state,
  });
  assert.ok(tokens.id_token);
});

test('openid-client understands signed answers (JARM)', async () => {
  const config = await client.discovery(
    new URL(world.issuer), 'web', undefined, client.ClientSecretBasic(world.secrets.web),
    { execute: [client.allowInsecureRequests, client.useJwtResponseMode] },
  );
  assert.ok(config.serverMetadata().response_modes_supported.includes('jwt'));
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: world.callback, scope, state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const back = await authorize(url, 'clara');
  assert.deepEqual([...back.searchParams.keys()], ['response']);
  const tokens = await client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce,
  });
  assert.ok(tokens.id_token);
});

test('oauth4webapi signs in as a public native client', async () => {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const issuer = new URL(world.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  const me = { client_id: 'native' };
  const [verifier, state, nonce] = [
    oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce(),
  ];
  const redirect = 'http://127.0.0.1:49152/callback';
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: me.client_id, redirect_uri: redirect, response_type: 'code', scope, state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const back = oauth.validateAuthResponse(server, me, await authorize(url, 'cem'), state);
  const answer = await oauth.authorizationCodeGrantRequest(
    server, me, oauth.None(), back, redirect, verifier, insecure,
  );
  const tokens = await oauth.processAuthorizationCodeResponse(server, me, answer, {
    expectedNonce: nonce, requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(server, answer, insecure);
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const told = await oauth.userInfoRequest(server, me, tokens.access_token, insecure);
  assert.equal((await oauth.processUserInfoResponse(server, me, sub, told)).sub, sub);
});

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env.GRANTOR_CHROMIUM ?? programs.find((program) => existsSync(program));

test('oidc-client-ts signs in and out in a page in Chromium', { skip: !executablePath }, async () => {
  const library = readFileSync(new URL('node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js', import.meta.url));
  const site = createServer((request, response) => {
    const script = request.url === '/oidc.js';
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ? library : '<!doctype html><title>page</title><script src="/oidc.js"></script>');
  });
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${site.address().port}`;
  await allowOrigin(origin);
  const root = process.getuid?.() === 0;
  const browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
  try {
    const page = await browser.newPage();
    const settings = {
      authority: world.issuer, client_id: 'page', redirect_uri: `${origin}/callback`, scope,
      loadUserInfo: true, automaticSilentRenew: false, monitorSession: false,
    };
    const manager = `new oidc.UserManager(${JSON.stringify(settings)})`;
    await page.goto(origin);
    await Promise.all([
      page.waitForSelector('#login-form'),
      page.evaluate(`${manager}.signinRedirect()`).catch(() => {}),
    ]);
    await page.fill('#username', 'dana');
    if (!(await page.locator('#password').isVisible())) {
      await page.click('#login-submit');
      await page.waitForSelector('#password');
    }
    await page.fill('#password', world.passwords.dana);
    await page.click('#login-submit');
    await page.waitForSelector('#consent-form');
    await page.click('#consent-approve');
    await page.waitForURL(`${origin}/callback?**`);
    const user = await page.evaluate(`${manager}.signinRedirectCallback().then((user) => ({
      profile: user.profile, expires_in: user.expires_in, scope: user.scope }))`);
    assert.equal(user.profile.iss, world.issuer);
    assert.equal(user.profile.email, 'dana@example.org');
    assert.ok(user.expires_in > 0);
  } finally {
    await browser.close();
    site.close();
  }
});

/** SEC-013: the tenant says which pages of other origins may ask. */
async function allowOrigin(origin) {
  const headers = { authorization: `Bearer ${world.administrator_token}`, 'content-type': 'application/json' };
  const tenants = await (await fetch(`${world.issuer}/api/v1/tenants`, { headers })).json();
  const { name, ...body } = tenants.items[0];
  body.settings.web_origins = [origin];
  const answer = await fetch(`${world.issuer}/api/v1/tenants/${name}`, {
    method: 'PUT', headers: { ...headers, 'if-match': '*' }, body: JSON.stringify(body),
  });
  assert.ok(answer.ok, await answer.text());
}
