"""The browser of a person who signs in at the OpenID provider, and allows whatever app opens it.

It is a command, `person_browser.py ADDRESS`, which clients run where they would open a browser.
"""

import re
import sys

import httpx

_HANDLE = re.compile(r'name="request" value="([^"]+)"')


def main() -> int:
    """Open an address, and go on until the app's own page says that the answer arrived.

    Returns:
        1 if a page was not as it should be, else 0.
    """
    address = next(word for word in sys.argv[1:] if word.startswith("http"))
    origin = str(httpx.URL(address).copy_with(path="/", query=None)).rstrip("/")
    with httpx.Client(trust_env=False, timeout=20, follow_redirects=True) as browser:
        found = _HANDLE.search(browser.get(address).text)
        if found is None:
            return 1
        handle = {"request": found[1]}
        consent = browser.post(f"{origin}/sign-in/openid", data=handle)
        if "to use your pictures?" not in consent.text:
            return 1
        return int(browser.post(f"{origin}/consent", data={**handle, "decision": "allow"}).is_error)


if __name__ == "__main__":
    sys.exit(main())
