"""Somebody with a browser, without the browser: cookies, redirects, and the forms as they stand in the
page. Only the standard library. It stops at the first address that is not the server's: that is where the
browser would hand over to the client."""

import html.parser
import http.client
import http.cookies
import urllib.parse

from server import PATIENCE

REDIRECTS = (302, 303)


class _Forms(html.parser.HTMLParser):
    """The forms of a page, filled in as far as the page did."""

    def __init__(self, page):
        super().__init__()
        self.forms, self.ids, self.text = [], set(), []
        self._form = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        have = dict(attributes)
        if "id" in have:
            self.ids.add(have["id"])
        if tag == "form":
            self._form = {"id": have.get("id"), "action": have.get("action") or "", "fields": [], "buttons": {}}
            self._form["method"] = (have.get("method") or "get").lower()
            self.forms.append(self._form)
        elif self._form is not None and have.get("name"):
            field = (have["name"], have.get("value") or "")
            if tag == "button":
                self._form["buttons"][have.get("id")] = field
            elif tag == "input" and (have.get("type") not in ("checkbox", "radio") or "checked" in have):
                self._form["fields"].append(field)

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None

    def handle_data(self, data):
        self.text.append(data)


class Visitor:
    """A browser window. `url`, `status`, `headers` and `page` are what it shows; `left` is the address at
    which it left the server, or None."""

    def __init__(self, home, accept="text/html", language="en"):
        self.home = urllib.parse.urlsplit(home)
        self.accept, self.language = accept, language
        self.cookies, self.url, self.left, self.origin = {}, None, None, None
        self.status, self.headers, self.page = None, None, ""

    def open(self, url):
        return self._go("GET", urllib.parse.urljoin(self.url or self.home.geturl(), url), None)

    def post(self, url, fields):
        return self._go("POST", urllib.parse.urljoin(self.url or self.home.geturl(), url), fields)

    def has(self, name):
        """Whether an element of the page has this id."""
        return name in _Forms(self.page).ids

    def words(self):
        """The text of the page, without the marks that isolate names."""
        text = "".join(_Forms(self.page).text).replace("\u2068", "").replace("\u2069", "")
        return " ".join(text.split())

    def submit(self, form, press=None, without=(), **fill):
        """Sends the form with this id, or the first that carries all fields of a dict."""
        found = self._form(form)
        fields = [(n, fill.pop(n, v)) for n, v in found["fields"] if (n, v) not in without]
        assert not fill, f"the form {form} has no {sorted(fill)}"
        if press:
            fields.append(found["buttons"][press])
        action = urllib.parse.urljoin(self.url, found["action"])
        if found["method"] == "post":
            return self._go("POST", action, fields)
        return self._go("GET", f"{action}?{urllib.parse.urlencode(fields)}", None)

    def _form(self, wanted):
        for form in _Forms(self.page).forms:
            if isinstance(wanted, dict) and wanted.items() <= dict(form["fields"]).items():
                return form
            if form["id"] == wanted:
                return form
        raise AssertionError(f"{self.url} ({self.status}) has no form {wanted}: {self.words()}")

    def sign_in(self, name, password):
        """On one page, or name first."""
        if "password" not in dict(self._form("login-form")["fields"]):
            self.submit("login-form", "login-submit", username=name)
        return self.submit("login-form", "login-submit", username=name, password=password)

    def approve(self):
        return self.submit("consent-form", "consent-approve")

    def deny(self):
        return self.submit("consent-form", "consent-deny")

    def authorize(self, url, name, password):
        """All of it: signs in and agrees where that is asked; the address at which the client takes over."""
        self.open(url)
        if self.left is None and self.has("login-form"):
            self.sign_in(name, password)
        if self.left is None and self.has("consent-form"):
            self.approve()
        assert self.left, f"{self.url} ({self.status}): {self.words()}"
        return self.left

    def _go(self, method, url, fields):
        self.left = None
        for _ in range(20):
            parts = urllib.parse.urlsplit(url)
            if parts.netloc != self.home.netloc:
                self.left = url
                return self
            location = self._request(method, parts, fields)
            if self.status not in REDIRECTS:
                self.url = url
                return self
            url, method, fields = urllib.parse.urljoin(url, location), "GET", None
        raise AssertionError("more than 20 redirects")

    def connect(self, parts):
        """A connection to where an address of the server is."""
        return http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)

    def _request(self, method, parts, fields):
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        headers = {"Accept": self.accept, "Accept-Language": self.language}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        body = None
        if fields is not None:
            body = urllib.parse.urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = self.origin or f"{self.home.scheme}://{self.home.netloc}"
        connection = self.connect(parts)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            self.page = answer.read().decode()
        finally:
            connection.close()
        self.status, self.headers = answer.status, answer.headers
        for line in answer.headers.get_all("Set-Cookie") or []:
            self._keep(line)
        return answer.headers.get("Location", "")

    def _keep(self, line):
        for name, morsel in http.cookies.SimpleCookie(line).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def query_of(url):
    """The parameters of a redirect, from the query or the fragment; each once."""
    parts = urllib.parse.urlsplit(url)
    pairs = urllib.parse.parse_qsl(parts.query or parts.fragment, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs)), url
    return dict(pairs)
