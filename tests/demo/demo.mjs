// The story of the demo in a real browser: `grantor demo --check --browser` runs this with what it
// needs in GRANTOR_DEMO. Each page is kept as a picture: phone and desktop, light and dark.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const demo = JSON.parse(process.env.GRANTOR_DEMO);
const REACH = 1000; // ms until a withdrawn permission must have arrived
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

await mkdir(demo.screenshots, { recursive: true });
const root = process.getuid?.() === 0;
const browser = await chromium.launch({
  executablePath: demo.chromium,
  args: root ? ['--no-sandbox'] : [],
});

/** A visitor with an empty cookie jar; complaints of the browser end the story. */
async function visitor(options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.hostname !== '127.0.0.1' && url.protocol !== 'data:') complaints.push(`${url} is a third party`);
  });
  return { context, page, complaints };
}

let number = 0;

async function picture(page, name) {
  number += 1;
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(wide <= 0, `${name} scrolls sideways on a ${size} by ${wide}px`);
      const file = `${String(number).padStart(2, '0')}-${name}-${size}-${colorScheme}.png`;
      await page.screenshot({ path: join(demo.screenshots, file), fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

async function signIn(page) {
  await page.fill('#username', demo.username);
  if (!(await page.locator('#password').isVisible())) {
    await page.click('#login-submit');
    await page.waitForSelector('#password');
  }
  await picture(page, 'sign-in');
  await page.fill('#password', 'surely not this');
  await page.click('#login-submit');
  await page.waitForSelector('#form-error');
  await picture(page, 'sign-in-wrong');
  await page.fill('#password', demo.password);
  await page.click('#login-submit');
}

async function notice(page, word) {
  await page.waitForSelector(`#notice[data-notice="${word}"]`, { timeout: 10_000 });
}

async function play({ page }) {
  await page.goto(demo.shop);
  await picture(page, 'shop');
  await page.click('#save-walking-shoes button');
  await page.waitForSelector('#login-form');
  await signIn(page);
  await page.waitForSelector('#consent-form');
  const asked = await page.innerText('body');
  assert.match(asked, /Shoe shop/);
  assert.match(asked, /Add to your wishlist/);
  await picture(page, 'consent');
  await page.click('#consent-approve');
  await notice(page, 'saved');
  await picture(page, 'saved');

  for (const [path, name] of demo.account) {
    await page.goto(`${demo.issuer}/account${path}`);
    assert.ok(await page.locator('h1').first().isVisible(), `${path} has a heading`);
    await picture(page, name);
  }
  await page.goto(`${demo.issuer}/account/applications`);
  const shop = page.locator(`[data-client="${demo.client}"]`);
  assert.ok(await shop.locator('.last-used').isVisible());
  await shop.locator('[data-scope="wishlist.write"] button').click();
  await page.waitForSelector('[data-scope="wishlist.write"]', { state: 'detached' });
  const withdrawn = performance.now();
  await picture(page, 'withdrawn');

  // The pictures took longer than the permission may live on.
  await page.goto(demo.shop);
  await page.click('#save-rubber-boots button');
  await notice(page, 'refused');
  console.log(`   the shop was refused at the first try, ${Math.round(performance.now() - withdrawn)} ms later`);
  await picture(page, 'refused');
  await page.click('#ask-again button');
  await page.waitForSelector('#consent-form');
  await picture(page, 'asked-again');
  await page.click('#consent-deny');
  await notice(page, 'denied');
  await picture(page, 'denied');
}

/** What a browser without JavaScript and in German sees first. */
async function look(options, name, words) {
  const { context, page, complaints } = await visitor(options);
  await page.goto(demo.shop);
  await page.click('#sign-in button');
  await page.waitForSelector('#login-form');
  assert.match(await page.innerText('body'), words);
  await picture(page, name);
  await context.close();
  return complaints;
}

try {
  const customer = await visitor();
  try {
    await play(customer);
  } catch (error) {
    // What it looked like when it broke says more than the stack.
    console.error(`at ${customer.page.url()}: ${customer.complaints.join('; ')}`);
    console.error(await customer.page.innerText('body').catch(String));
    throw error;
  }
  await customer.page.goto(demo.shop);
  await customer.page.click('#sign-out button');
  await customer.page.waitForLoadState();
  await picture(customer.page, 'sign-out');
  const complaints = [
    ...customer.complaints,
    ...(await look({ javaScriptEnabled: false }, 'no-script', /Sign in/i)),
    ...(await look({ locale: 'de-DE' }, 'german', /Anmelden/i)),
  ];
  const page = (await visitor()).page;
  await page.goto(`${demo.issuer}/oauth2/authorize?client_id=nobody&response_type=code`);
  await page.waitForSelector('#error-page');
  await picture(page, 'error');
  assert.deepEqual(complaints, [], 'the browser had nothing to complain of');
  console.log(`   ${number * 4} pictures are in ${demo.screenshots}`);
} finally {
  await browser.close();
}
