"""The address that mail comes from. Those it goes to: core/text/addresses.py."""

from email.headerregistry import Address
from email.utils import parseaddr

from holdgate.core.text.addresses import checked_address


def sender(mail_from: str) -> Address:
    """The setting MAIL_FROM, `Name <mailbox@domain>` or the bare address.

    Raises:
        BadAddress: it holds no usable address.
    """
    name, address = parseaddr(mail_from)
    return Address(display_name=" ".join(name.split()), addr_spec=checked_address(address))
