// openid-client 6: discovery, client credentials with a secret and with a key, introspection, revocation.
import { registerKey, startWorld } from './world.mjs';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';
import * as client from 'openid-client';

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.stop());

// http is for this machine only.
const options = { execute: [client.allowInsecureRequests] };

function discover(id, authentication, algorithm = 'oidc') {
  return client.discovery(new URL(world.issuer), id, undefined, authentication, { ...options, algorithm });
}

function withSecret(id, algorithm) {
  return discover(id, client.ClientSecretBasic(world.secrets[id]), algorithm);
}

for (const algorithm of ['oidc', 'oauth2']) {
  test(`openid-client understands our ${algorithm} metadata`, async () => {
    const metadata = (await withSecret('batch', algorithm)).serverMetadata();
    assert.equal(metadata.issuer, world.issuer);
    assert.equal(metadata.token_endpoint, `${world.issuer}/oauth2/token`);
  });
}

test('openid-client gets a token with a secret', async () => {
  const token = await client.clientCredentialsGrant(await withSecret('batch'), { scope: 'pets.read' });
  assert.equal(token.token_type, 'bearer');
  assert.equal(token.scope, 'pets.read');
  assert.ok(token.expiresIn() > 0);
});

test('openid-client is told why there is no token', async () => {
  const batch = await withSecret('batch');
  await assert.rejects(client.clientCredentialsGrant(batch, { scope: 'sales_order.read_all' }), {
    error: 'invalid_scope',
    status: 400,
  });
  const stranger = await discover('batch', client.ClientSecretBasic('wrong'));
  await assert.rejects(client.clientCredentialsGrant(stranger, { scope: 'pets.read' }), (refusal) => {
    assert.equal(refusal.status, 401);
    return true;
  });
});

for (const algorithm of ['ES256', 'PS256', 'Ed25519']) {
  test(`openid-client authenticates with a key, ${algorithm}`, async () => {
    const id = `openid-client-${algorithm.toLowerCase()}`;
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const registered = { ...(await exportJWK(publicKey)), kid: id, use: 'sig' };
    await registerKey(world, id, registered, 'pets.read');
    const config = await discover(id, client.PrivateKeyJwt({ key: privateKey, kid: id }));
    const token = await client.clientCredentialsGrant(config, { scope: 'pets.read' });
    assert.equal(token.scope, 'pets.read');
  });
}

for (const owner of ['batch', 'sealed']) {
  test(`openid-client introspects and revokes a token of ${owner}`, async () => {
    const holder = await withSecret(owner);
    const api = await withSecret('pets-api');
    const { access_token } = await client.clientCredentialsGrant(holder, { scope: 'pets.read' });
    const told = await client.tokenIntrospection(api, access_token);
    assert.equal(told.active, true);
    assert.equal(told.client_id, owner);
    await client.tokenRevocation(holder, access_token);
    assert.deepEqual({ ...(await client.tokenIntrospection(api, access_token)) }, { active: false });
  });
}
