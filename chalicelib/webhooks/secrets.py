"""The secrets of the sources: those they sign with, and the word by which a handshake is known."""

import json
from collections.abc import Sequence

from chalicelib.aws.secret_lists import SecretLists


class SourceSecrets(SecretLists):
    """Reads the secret ``<prefix><source>``, where ``verify_token`` may stand beside ``secrets``."""

    def verify_tokens(self, source: str) -> Sequence[str]:
        """The words by which a source's handshake is known, none or one; never older than a moment."""
        try:
            token = json.loads(self.cache.refresh(self.prefix + source) or "")["verify_token"]
        except (ValueError, KeyError, TypeError):
            return ()
        return (token,) if isinstance(token, str) and token else ()
