// `jose` verifies our tokens from nothing but our JWKS.
import { startWorld } from './world.mjs';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, jwtVerify } from 'jose';

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.stop());

async function tokenOf(client) {
  const answer = await fetch(`${world.issuer}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client}:${world.secrets[client]}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'pets.read' }),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()).access_token;
}

test('jose verifies a token of every algorithm from our JWKS', async (t) => {
  const keys = createRemoteJWKSet(new URL(`${world.issuer}/oauth2/jwks`));
  for (const algorithm of ['ES256', 'EdDSA', 'RS256', 'PS256', 'ES384']) {
    await t.test(algorithm, async () => {
      const client = `signed-${algorithm.toLowerCase()}`;
      const { payload, protectedHeader } = await jwtVerify(await tokenOf(client), keys, {
        algorithms: [algorithm],
        audience: 'https://pets.example.org',
        issuer: world.issuer,
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id'],
        typ: 'at+jwt',
      });
      assert.equal(protectedHeader.alg, algorithm);
      assert.equal(payload.client_id, client);
      assert.equal(payload.scope, 'pets.read');
    });
  }
});

test('jose refuses a token whose claims were changed', async () => {
  const keys = createRemoteJWKSet(new URL(`${world.issuer}/oauth2/jwks`));
  const [head, , signature] = (await tokenOf('signed-es256')).split('.');
  const [, other] = (await tokenOf('signed-es256')).split('.');
  await assert.rejects(jwtVerify(`${head}.${other}.${signature}`, keys), {
    code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  });
});
