"""A block type of one's own: a pydantic model, nothing more."""

import hashlib
import hmac

from pydantic import HttpUrl, SecretStr
from strongroom import Block


class ShopApi(Block):
    """Where the shop answers, and the key that it signs its exports with."""

    base_url: HttpUrl
    signing_key: SecretStr

    def sign(self, content: bytes) -> str:
        """The signature of a file: HMAC-SHA256 under the signing key, in hexadecimal."""
        return hmac.new(self.signing_key.get_secret_value().encode(), content, hashlib.sha256).hexdigest()
