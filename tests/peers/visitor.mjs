// Somebody with a browser, without the browser: cookies, redirects, and the forms as they stand in the
// page. It stops at the first address that is not the server's.
import assert from 'node:assert/strict';

export class Visitor {
  #home;
  #cookies = new Map();

  constructor(home) {
    this.#home = new URL(home);
  }

  async open(url) {
    return this.#go('GET', new URL(url, this.url ?? this.#home));
  }

  has(id) {
    return new RegExp(`\\sid="${id}"`).test(this.page);
  }

  /** Sends the form with this id, pressing the button `press`. */
  async submit(id, press, fill = {}) {
    const form = this.#form(id);
    const fields = form.fields.map(([name, value]) => [name, fill[name] ?? value]);
    if (press) fields.push(form.buttons[press]);
    return this.#go('POST', new URL(form.action, this.url), new URLSearchParams(fields));
  }

  /** Signs in and agrees where that is asked; the address at which the client takes over. */
  async authorize(url, username, password) {
    await this.open(url);
    if (!this.left && this.has('login-form')) {
      const names = this.#form('login-form').fields.map(([name]) => name);
      if (!names.includes('password')) await this.submit('login-form', 'login-submit', { username });
      await this.submit('login-form', 'login-submit', { username, password });
    }
    if (!this.left && this.has('consent-form')) await this.submit('consent-form', 'consent-approve');
    assert.ok(this.left, `${this.url} (${this.status}): ${this.page}`);
    return this.left;
  }

  #form(id) {
    const found = [...this.page.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)];
    const form = found.find(([, head]) => attribute(head, 'id') === id);
    assert.ok(form, `${this.url} (${this.status}) has no form ${id}: ${this.page}`);
    const [, head, inside] = form;
    const fields = [];
    const buttons = {};
    for (const [, tag, attributes] of inside.matchAll(/<(input|button)\b([^>]*)>/g)) {
      const name = attribute(attributes, 'name');
      if (name === undefined) continue;
      const field = [name, attribute(attributes, 'value') ?? ''];
      const type = attribute(attributes, 'type');
      if (tag === 'button') buttons[attribute(attributes, 'id')] = field;
      else if (!['checkbox', 'radio'].includes(type) || /\schecked\b/.test(attributes)) fields.push(field);
    }
    return { action: attribute(head, 'action') ?? '', fields, buttons };
  }

  async #go(method, url, body) {
    this.left = undefined;
    for (let hops = 0; hops < 20; hops += 1) {
      if (url.origin !== this.#home.origin) {
        this.left = url;
        return this;
      }
      const headers = { accept: 'text/html', 'accept-language': 'en' };
      if (this.#cookies.size) headers.cookie = [...this.#cookies].map((pair) => pair.join('=')).join('; ');
      if (body) headers.origin = this.#home.origin;
      const answer = await fetch(url, { method, headers, body, redirect: 'manual' });
      for (const line of answer.headers.getSetCookie()) this.#keep(line);
      this.status = answer.status;
      this.page = await answer.text();
      if (![302, 303].includes(answer.status)) {
        this.url = url;
        return this;
      }
      [method, url, body] = ['GET', new URL(answer.headers.get('location'), url), undefined];
    }
    throw new Error('more than 20 redirects');
  }

  #keep(line) {
    const [pair, ...settings] = line.split(/;\s*/);
    const [, name, value] = pair.match(/^([^=]*)=(.*)$/);
    if (settings.some((setting) => /^max-age=0$/i.test(setting))) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

function attribute(text, name) {
  const value = text.match(new RegExp(`(?:^|\\s)${name}="([^"]*)"`))?.[1];
  return value
    ?.replace(/&#(x?)([0-9a-f]+);/gi, (_, hex, code) => String.fromCodePoint(parseInt(code, hex ? 16 : 10)))
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}
