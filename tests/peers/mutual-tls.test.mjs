// openid-client 6 with certificates (RFC 8705): it finds the aliases, authenticates by the handshake, and
// its tokens are bound. What is special here is the connection alone, as undici makes it.
import { manage, startWorld } from './world.mjs';
import { Visitor } from './visitor.mjs';
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { Agent, fetch as fetchWith } from 'undici';

const scope = 'openid profile email sales_order.read';

let world;
before(async () => {
  world = await startWorld('mutual-tls');
  const bound = { tls_client_certificate_bound_access_tokens: true };
  const common = {
    grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
    redirect_uris: [world.callback],
    scopes: [...scope.split(' '), 'pets.read', 'offline_access'],
  };
  await manage(world, '/clients', {
    ...common, id: 'certified', auth_method: 'tls_client_auth',
    mutual_tls: { tls_client_auth_subject_dn: 'CN=certified,O=Example\\, Inc.,C=DE', ...bound },
  });
  const own = new X509Certificate(file('self-signed.pem'));
  const jwk = { ...own.publicKey.export({ format: 'jwk' }), x5c: [own.raw.toString('base64')] };
  await manage(world, '/clients', {
    ...common, id: 'self-signed', auth_method: 'self_signed_tls_client_auth', jwks: { keys: [jwk] },
    mutual_tls: bound,
  });
  for (const id of ['certified', 'self-signed']) {
    await manage(world, '/assignments', { principal: { client: id }, scope: 'pets.read', reason: 'the tests' });
  }
});
after(() => world?.stop());

function file(name) {
  return readFileSync(join(world.folder, name));
}

/** Connections that show the certificate of this name, or none. */
function connections(name) {
  const own = name && { cert: file(`${name}.pem`), key: file(`${name}.key`) };
  const dispatcher = new Agent({ connect: { ca: file('server.pem'), ...own } });
  return (url, options) => fetchWith(url, { ...options, dispatcher });
}

function discover(id, certificate = id) {
  return client.discovery(
    new URL(world.issuer), id, { use_mtls_endpoint_aliases: true }, client.TlsClientAuth(),
    { execute: [client.allowInsecureRequests], [client.customFetch]: connections(certificate) },
  );
}

function thumbprint(name) {
  return createHash('sha256').update(new X509Certificate(file(`${name}.pem`)).raw).digest('base64url');
}

for (const id of ['certified', 'self-signed']) {
  test(`openid-client authenticates by its certificate, ${id}`, async () => {
    const config = await discover(id);
    const server = config.serverMetadata();
    assert.equal(server.tls_client_certificate_bound_access_tokens, true);
    assert.notEqual(new URL(server.mtls_endpoint_aliases.token_endpoint).origin, world.issuer);
    const token = await client.clientCredentialsGrant(config, { scope: 'pets.read' });
    const told = await client.tokenIntrospection(config, token.access_token);
    assert.deepEqual(told.cnf, { 'x5t#S256': thumbprint(id) });
    await client.tokenRevocation(config, token.access_token);
    assert.equal((await client.tokenIntrospection(config, token.access_token)).active, false);
  });

  test(`openid-client is turned away with another certificate or none, ${id}`, async () => {
    for (const other of [id === 'certified' ? 'self-signed' : 'certified', null]) {
      const config = await discover(id, other);
      await assert.rejects(client.clientCredentialsGrant(config, { scope: 'pets.read' }), (refusal) => {
        assert.equal(refusal.status, 401);
        return true;
      });
    }
  });
}

test('openid-client pushes, signs in and asks who it is with a bound token', async () => {
  const config = await discover('self-signed');
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  const url = await client.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: world.callback, scope, state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const back = await new Visitor(world.issuer).authorize(url, 'carla', world.passwords.carla);
  const tokens = await client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  });
  const { sub } = tokens.claims();
  assert.equal((await client.fetchUserInfo(config, tokens.access_token, sub)).sub, sub);
  // Somebody else's connection is worth nothing with it, nor is the listener that asks for none.
  const stolen = await discover('certified');
  const aside = connections(null)(`${world.issuer}/oauth2/userinfo`, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  await assert.rejects(client.fetchUserInfo(stolen, tokens.access_token, sub), { status: 401 });
  assert.equal((await aside).status, 401);
});
