"""The browser that Zign opens: `BROWSER='<python> login.py %s'`. Signs in as LOGIN_USER, decides what
LOGIN_DECISION says, follows to the address on this machine, and does there what the script of Zign's page
does: turns the fragment into a query. Its server is that of the address."""

import os
import sys
import urllib.parse
import urllib.request

from visitor import Visitor


def main(url):
    # As Zign writes it, with a raw redirect_uri: a browser sends it as it is.
    parts = urllib.parse.urlsplit(url)
    browser = Visitor(f"{parts.scheme}://{parts.netloc}").open(url)
    if browser.left is None and browser.has("login-form"):
        browser.sign_in(os.environ["LOGIN_USER"], os.environ["LOGIN_PASSWORD"])
    if browser.left is None and browser.has("consent-form"):
        browser.approve() if os.environ["LOGIN_DECISION"] == "allow" else browser.deny()
    assert browser.left, f"{browser.url} ({browser.status}): {browser.words()}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    target, _, fragment = browser.left.partition("#")
    if "?" not in target:
        with opener.open(target, timeout=60) as page:
            assert "location" in page.read().decode()
        target = f"{target}?{fragment}"
    with opener.open(target, timeout=60) as page:
        page.read()


if __name__ == "__main__":
    main(sys.argv[1])
