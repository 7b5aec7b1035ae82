// A browser, and a server that shows it the gallery: each page with its own policy.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const FORMS = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 860 },
};
export const SCHEMES = ['light', 'dark'];

const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update',
];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: QUIET });
}

/** The pages of the gallery: `sign-in.en`, … */
export function gallery() {
  const names = readdirSync(process.env.GRANTOR_GALLERY).filter((name) => name.endsWith('.html'));
  return names.map((name) => name.slice(0, -'.html'.length)).sort();
}

export function source(name) {
  return readFileSync(join(process.env.GRANTOR_GALLERY, `${name}.html`), 'utf8');
}

/** Serves the gallery, and remembers what its forms post. */
export async function serve() {
  const posted = [];
  const waiting = new Set();
  const known = new Set(gallery());
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = '';
      request.on('data', (chunk) => { body += chunk; });
      request.on('end', () => {
        posted.push({ path: request.url, fields: [...new URLSearchParams(body)] });
        response.writeHead(204).end();
        for (const look of waiting) look();
      });
      return;
    }
    const name = request.url.slice(1).split('?')[0];
    if (!known.has(name)) {
      response.writeHead(404).end();
      return;
    }
    const policy = readFileSync(join(process.env.GRANTOR_GALLERY, `${name}.csp`), 'utf8');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy });
    // Without its script a page that leaves by itself stays to be looked at.
    const still = request.url.endsWith('?still');
    response.end(still ? source(name).replace(/<script>.*?<\/script>/s, '') : source(name));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    posted,
    /** Ends when `count` forms have been posted. */
    postedAre: (count) => new Promise((done) => {
      const look = () => {
        if (posted.length < count) return;
        waiting.delete(look);
        done();
      };
      waiting.add(look);
      look();
    }),
    close: () => { server.closeAllConnections(); server.close(); },
  };
}

/** A page that says what its policy forbade, and lets nothing out of `origin`. */
export async function open(context, origin) {
  const page = await context.newPage();
  const forbidden = [];
  const outside = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) forbidden.push(message.text());
  });
  await page.route('**', (route) => {
    const url = route.request().url();
    if (url.startsWith(origin) || url.startsWith('data:')) return route.continue();
    outside.push(url);
    // Nothing comes back, so that the page stays.
    return route.fulfill({ status: 204 });
  });
  return { page, forbidden, outside };
}

/** Ends when the browser has put the focus where the page wants it: it does so after the page is loaded. */
export async function focused(page, id) {
  await page.waitForFunction((wanted) => document.activeElement.id === wanted, id);
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds, in one line each. */
export async function flaws(page) {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}
