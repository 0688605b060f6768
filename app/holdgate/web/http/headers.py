"""The security headers of every response. What a response sets itself wins."""

from holdgate.core.config import Settings

# No script at all: the page of a personal link, and the answers that no handler gave.
SCRIPTLESS = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SCRIPTS = SCRIPTLESS.replace("style-src", "script-src 'self'; connect-src 'self'; style-src")

PRIVATE_LINK = {
    "Content-Security-Policy": SCRIPTLESS,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}


def security_headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    headers = {
        "content-security-policy": SCRIPTS,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # Pages are personal. no-store also keeps them out of the browser's back button after signing out.
        "cache-control": "no-store",
    }
    if settings.secure:
        headers["strict-transport-security"] = "max-age=31536000"
    return [(name.encode(), value.encode()) for name, value in headers.items()]
