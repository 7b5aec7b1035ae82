// oauth4webapi: the same, one step lower, and as a resource server that verifies offline (RFC 9068).
import { registerKey, startWorld } from './world.mjs';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import * as oauth from 'oauth4webapi';

let world, server;
// http is for this machine only.
const insecure = { [oauth.allowInsecureRequests]: true };

before(async () => {
  world = await startWorld();
  const issuer = new URL(world.issuer);
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  server = await oauth.processDiscoveryResponse(issuer, answer);
});
after(() => world?.stop());

async function tokenFor(id, authentication, scope = 'pets.read') {
  const client = { client_id: id };
  const parameters = new URLSearchParams({ scope });
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, insecure);
  return oauth.processClientCredentialsResponse(server, client, answer);
}

const secretOf = (id) => oauth.ClientSecretBasic(world.secrets[id]);

async function introspect(id, token) {
  const client = { client_id: id };
  const answer = await oauth.introspectionRequest(server, client, secretOf(id), token, insecure);
  return oauth.processIntrospectionResponse(server, client, answer);
}

test('oauth4webapi gets a token with a secret, and a refusal it understands', async () => {
  assert.equal((await tokenFor('batch', secretOf('batch'))).scope, 'pets.read');
  await assert.rejects(tokenFor('batch', secretOf('batch'), 'sales_order.read_all'), { error: 'invalid_scope' });
  await assert.rejects(tokenFor('batch', oauth.ClientSecretBasic('wrong')), (refusal) => {
    assert.ok(refusal instanceof oauth.WWWAuthenticateChallengeError || refusal.error === 'invalid_client');
    return true;
  });
});

test('oauth4webapi authenticates with a key', async () => {
  const id = 'oauth4webapi';
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  await registerKey(world, id, { ...(await exportJWK(publicKey)), kid: id, use: 'sig' }, 'pets.read');
  assert.equal((await tokenFor(id, oauth.PrivateKeyJwt({ key: privateKey, kid: id }))).scope, 'pets.read');
});

test('SEC-103: oauth4webapi introspects as an audience, and learns nothing as another', async () => {
  const { access_token } = await tokenFor('batch', secretOf('batch'));
  const told = await introspect('pets-api', access_token);
  assert.equal(told.active, true);
  assert.deepEqual([].concat(told.aud), ['https://pets.example.org']);
  assert.deepEqual({ ...(await introspect('orders-api', access_token)) }, { active: false });
});

test('oauth4webapi revokes', async () => {
  const { access_token } = await tokenFor('batch', secretOf('batch'));
  const client = { client_id: 'batch' };
  const answer = await oauth.revocationRequest(server, client, secretOf('batch'), access_token, insecure);
  await oauth.processRevocationResponse(answer);
  assert.equal((await introspect('pets-api', access_token)).active, false);
});

test('oauth4webapi validates a request to an API offline', async () => {
  const { access_token } = await tokenFor('batch', secretOf('batch'));
  const request = (token) =>
    new Request('https://pets.example.org/pets', { headers: { authorization: `Bearer ${token}` } });
  const validate = (token, audience = 'https://pets.example.org') =>
    oauth.validateJwtAccessToken(server, request(token), audience, insecure);
  const claims = await validate(access_token);
  assert.equal(claims.client_id, 'batch');
  await assert.rejects(validate(access_token, 'https://orders.example.org'));
  await assert.rejects(validate(`${access_token.slice(0, -8)}AAAAAAAA`));
});
