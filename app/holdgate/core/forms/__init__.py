"""One engine for every form: of pages, of approval requests, of payloads. It knows no HTTP and no HTML."""
