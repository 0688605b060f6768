"""Who a program is: personal tokens, and tokens of an identity provider."""
