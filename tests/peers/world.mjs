// One seeded server for the tests of a file; world.py makes it. And what Debian 12's Node lacks: Web
// Crypto as a global, which the libraries expect.
import { spawn } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

/** Starts a server, with `mutual-tls` as an argument one that asks for certificates; `stop` ends it. */
export async function startWorld(...arguments_) {
  const program = join(process.env.GRANTOR_ROOT, 'tests/peers/world.py');
  const python = spawn('python3', ['-B', program, ...arguments_], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => python.once('exit', resolve));
  const lines = createInterface({ input: python.stdout });
  const first = new Promise((resolve) => lines.once('line', resolve));
  const line = await Promise.race([first, ended]);
  if (typeof line !== 'string') throw new Error(`world.py ended with ${line}`);
  const stop = async () => {
    python.stdin.end();
    await ended;
  };
  return { ...JSON.parse(line), stop };
}

/** Registers a client that authenticates with a key, and lets it have a scope. */
export async function registerKey(world, id, publicJwk, scope) {
  await manage(world, '/clients', {
    id,
    auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    jwks: { keys: [publicJwk] },
    scopes: [scope],
  });
  await manage(world, '/assignments', { principal: { client: id }, scope, reason: 'the tests need it' });
}

/** Makes something through the management API. */
export async function manage(world, path, body) {
  const answer = await fetch(`${world.issuer}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.administrator_token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}
