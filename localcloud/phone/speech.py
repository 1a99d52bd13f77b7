"""What a message sounds like, as text: SSML as a caller hears it."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

PLAIN, SSML = "PlainText", "SSML"
_ONE_BY_ONE = {"digits", "telephone", "characters", "spell-out", "verbatim"}


def heard(content_type: str, content: str) -> str:
    """The words of a message, empty for what cannot be heard. Raises ``ValueError`` for SSML that is none."""
    if content_type == PLAIN:
        return content
    if content_type != SSML:
        return ""
    try:
        root = ET.fromstring(content)  # noqa: S314 - the codehook's own answer
    except ET.ParseError as error:
        raise ValueError(f"This is no SSML ({error}): {content}") from error
    if root.tag != "speak":
        raise ValueError(f"SSML begins with <speak>: {content}")
    return re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", "".join(_parts(root)))).strip()


def _parts(element: ET.Element) -> Iterator[str]:
    if element.tag == "sub":
        yield element.get("alias", "")
    elif element.tag == "say-as" and element.get("interpret-as") in _ONE_BY_ONE:
        yield " ".join("".join(element.itertext()).replace(" ", ""))
    else:
        yield " " if element.tag in ("break", "p", "s") else ""
        yield element.text or ""
        for child in element:
            yield from _parts(child)
            yield child.tail or ""
