// Every page of the gallery, in Chromium: readable, reachable, within its policy.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FORMS, SCHEMES, flaws, focused, gallery, launch, open, serve, source } from './browser.mjs';

// The frame of session management is never seen.
const pages = gallery().filter((name) => !name.startsWith('check-session'));
const LEAVES = /^(form-post|logged-out-frames)/;
let browser;
let site;

before(async () => {
  site = await serve();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  site?.close();
});

test('every page is there in English and in German', () => {
  const in_language = (tag) => pages.filter((name) => name.endsWith(`.${tag}`)).map((name) => name.slice(0, -3));
  assert.deepEqual(in_language('en'), in_language('de'));
  assert.ok(in_language('en').length > 30);
});

test('every page takes one round trip and 30 KiB at most', () => {
  for (const name of pages) {
    const html = source(name);
    assert.ok(Buffer.byteLength(html) <= 30 * 1024, `${name}: ${Buffer.byteLength(html)}`);
    assert.doesNotMatch(html, /<link rel="stylesheet"|<script src|@import/, name);
  }
});

for (const [form, viewport] of Object.entries(FORMS)) {
  for (const colorScheme of SCHEMES) {
    test(`axe finds nothing: ${form}, ${colorScheme}`, { timeout: 300_000 }, async () => {
      const context = await browser.newContext({ viewport, colorScheme });
      const found = [];
      const { page, forbidden, outside } = await open(context, site.origin);
      // Colours and sizes do not depend on the language: German is looked at once.
      const both = form === 'phone' && colorScheme === 'light';
      for (const name of pages.filter((name) => both || name.endsWith('.en'))) {
        await page.goto(`${site.origin}/${name}?still`);
        for (const flaw of await flaws(page)) found.push(`${name}: ${flaw}`);
        // Only pages whose purpose it is speak with anybody else.
        if (!LEAVES.test(name)) assert.deepEqual(outside, [], `${name} asks others`);
        assert.deepEqual(forbidden, [], `${name} breaks its policy`);
        outside.length = 0;
      }
      await context.close();
      assert.deepEqual(found, []);
    });
  }
}

test('no page is wider than a narrow screen (WCAG 2.2, 1.4.10)', { timeout: 120_000 }, async () => {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 } });
  const { page } = await open(context, site.origin);
  for (const name of pages) {
    await page.goto(`${site.origin}/${name}?still`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${name} is ${over} pixels too wide`);
  }
  await context.close();
});

test('sec_043 a client cannot bring markup or pictures onto the consent page', async () => {
  const context = await browser.newContext();
  const { page, outside } = await open(context, site.origin);
  await page.goto(`${site.origin}/consent-unverified.en`);
  const heading = await page.textContent('h1');
  assert.ok(!/[\u202A-\u202E\u2066-\u2069]/.test(heading));
  assert.equal(await page.locator('main b:has-text("Ltd"), main img').count(), 0);
  assert.ok((await page.textContent('main')).includes('com.example.app:'));
  assert.deepEqual(outside, []);
  await context.close();
});

describe('with the keyboard alone', () => {
  /** What Tab reaches, by id or text. */
  async function stops(page, count) {
    const seen = [];
    for (let i = 0; i < count; i += 1) {
      seen.push(await page.evaluate(() => {
        const here = document.activeElement;
        return here.id || here.value || here.textContent.trim();
      }));
      await page.keyboard.press('Tab');
    }
    return seen;
  }

  test('somebody signs in', async () => {
    const context = await browser.newContext();
    const { page } = await open(context, site.origin);
    await page.goto(`${site.origin}/sign-in-one-page.en`);
    await focused(page, 'username');
    assert.deepEqual(await stops(page, 6), ['username', 'password', '', 'remember', 'login-submit', 'login-cancel']);
    await page.reload();
    await focused(page, 'username');
    await page.keyboard.type('anna');
    await page.keyboard.press('Tab');
    await page.keyboard.type('a long secret');
    // The button beside it shows what was typed; it is hidden again before it is posted.
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    assert.equal(await page.getAttribute('#password', 'type'), 'text');
    await page.focus('#remember');
    await page.keyboard.press('Space');
    site.posted.length = 0;
    // Enter in a field presses the first button, which is not "Cancel".
    await page.focus('#password');
    await page.keyboard.press('Enter');
    await site.postedAre(1);
    assert.deepEqual(site.posted, [{
      path: '/sign-in',
      fields: [['tx', '1'], ['username', 'anna'], ['password', 'a long secret'], ['remember', 'on'], ['next', 'on']],
    }]);
    await context.close();
  });

  test('somebody leaves a scope out and agrees', async () => {
    const context = await browser.newContext();
    const { page } = await open(context, site.origin);
    await page.goto(`${site.origin}/consent.en`);
    await page.keyboard.press('Tab');
    assert.deepEqual(
      await stops(page, 5),
      ['Not you?', 'profile', 'address', 'consent-approve', 'consent-deny'],
    );
    await page.focus('input[value=address]');
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
    site.posted.length = 0;
    await page.keyboard.press('Enter');
    await site.postedAre(1);
    assert.deepEqual(site.posted, [{
      path: '/consent',
      fields: [['tx', '1'], ['scope', 'profile'], ['decision', 'approve']],
    }]);
    await context.close();
  });

  test('the focus is always seen', async () => {
    const context = await browser.newContext();
    const { page } = await open(context, site.origin);
    await page.goto(`${site.origin}/account-applications.en`);
    for (let i = 0; i < 12; i += 1) {
      await page.keyboard.press('Tab');
      const width = await page.evaluate(() => parseFloat(getComputedStyle(document.activeElement).outlineWidth));
      assert.ok(width >= 2);
    }
    await context.close();
  });
});

describe('without scripts', () => {
  test('forms are posted and the answer to a client goes on by a button', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const { page } = await open(context, site.origin);
    site.posted.length = 0;
    await page.goto(`${site.origin}/sign-in.en`);
    await page.fill('#username', 'anna');
    await page.click('#login-submit');
    await page.goto(`${site.origin}/account-applications.en`);
    await page.click('[data-scope="wishlist.write"] button');
    await site.postedAre(2);
    assert.deepEqual(site.posted.map(({ path }) => path), ['/sign-in', '/account/applications/withdraw']);
    assert.deepEqual(site.posted[1].fields, [['csrf', 't'], ['client', 'shoe-shop'], ['scope', 'wishlist.write']]);
    await page.goto(`${site.origin}/form-post.en`);
    assert.ok(await page.isVisible('#form-post button'));
    await context.close();
  });
});

test('trap_024 with scripts the answer to a client posts itself', async () => {
  const context = await browser.newContext();
  const { page, outside } = await open(context, site.origin);
  const answered = page.waitForResponse('https://shop.example/cb');
  await page.goto(`${site.origin}/form-post.en`, { waitUntil: 'commit' });
  await answered;
  assert.deepEqual(outside, ['https://shop.example/cb']);
  await context.close();
});

test('trap_094 the frames of others are loaded before the browser goes on', async () => {
  const context = await browser.newContext();
  const { page, outside, forbidden } = await open(context, site.origin);
  await page.goto(`${site.origin}/logged-out-frames.en`);
  await page.waitForURL(/#on$/);
  assert.deepEqual(outside, ['https://shop.example/front?iss=a&sid=b']);
  assert.deepEqual(forbidden, []);
  await context.close();
});

test('trap_096 the session frame answers unchanged, changed and error', async () => {
  const context = await browser.newContext();
  const { page } = await open(context, site.origin);
  await context.addCookies([{ name: 'grantor-session-state', value: 'abc', url: site.origin }]);
  await page.route('**/client', (route) => route.fulfill({ contentType: 'text/html', body: '<title>Client</title>' }));
  await page.goto(`${site.origin}/client`);
  const answers = await page.evaluate(async (source) => {
    const bytes = new TextEncoder().encode(`shop ${location.origin} abc salt`);
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const text = btoa(String.fromCharCode(...hash)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    const frame = document.createElement('iframe');
    frame.src = source;
    await new Promise((done) => { frame.onload = done; document.body.append(frame); });
    const ask = (message) => new Promise((done) => {
      addEventListener('message', (event) => done(event.data), { once: true });
      frame.contentWindow.postMessage(message, '*');
    });
    return [await ask(`shop ${text}.salt`), await ask(`shop ${text}.other`), await ask('nonsense')];
  }, `${site.origin}/check-session.en`);
  assert.deepEqual(answers, ['unchanged', 'changed', 'error']);
  await context.close();
});
