"""Ways in which people disguise words from a filter, for tests, measurements and as augmentation of training texts.

Each takes a word or a text and a source of chance, and gives the disguised form: what a reader still reads, or what a
machine still decodes. `benches.evasion` measures who sees through which of them.
"""

from __future__ import annotations

import base64
import codecs
import random
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import quote

Transform: TypeAlias = Callable[[str, random.Random], str]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"[^\W\d_]+")
_VOWELS = frozenset("aeiouäöüAEIOUÄÖÜ")

_CYRILLIC = dict(
    zip("abcdeghijklmnopqrstuvwxyABCEHIJKMOPSTXY", "аЬсԁеԍһіјкӏмпорԛгѕтцѵԝхуАВСЕНІЈКМОРЅТХУ", strict=True)
)
_GREEK = dict(zip("abeiknoptuvwxyABEHIKMNOPTXYZ", "αβεικηορτυνωχγΑΒΕΗΙΚΜΝΟΡΤΧΥΖ", strict=True))
_SMALL_CAPITALS = dict(zip("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", strict=True))
_SUPERSCRIPT = dict(zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))
_UPSIDE_DOWN = dict(zip(_LETTERS, "ɐqɔpǝɟƃɥᴉɾʞl\u026fuodbɹsʇnʌʍxʎz", strict=True))
_ACCENTS: Mapping[str, str] = {
    "a": "áàâäãå",
    "c": "çć",
    "e": "éèêë",
    "i": "íìîï",
    "n": "ñń",
    "o": "óòôöõ",
    "s": "śš",
    "u": "úùûü",
    "y": "ýÿ",
    "z": "žż",
}
_LEET_DIGITS = dict(zip("aeiostgb", "43105798", strict=True))
_LEET_SIGNS = dict(zip("aistcel", "@!$+(€|", strict=True))
_LEET_HEAVY: Mapping[str, str] = {
    "a": "/\\",
    "b": "|3",
    "c": "(",
    "d": "|)",
    "e": "3",
    "f": "|=",
    "g": "9",
    "h": "|-|",
    "i": "1",
    "k": "|<",
    "l": "|_",
    "m": "|\\/|",
    "n": "|\\|",
    "o": "0",
    "p": "|*",
    "r": "|2",
    "s": "5",
    "t": "7",
    "u": "|_|",
    "v": "\\/",
    "w": "\\/\\/",
    "x": "><",
    "y": "'/",
    "z": "2",
}
_APART: dict[int, str] = dict(
    zip(
        (0x1D53A, 0x1D53F, 0x1D545, 0x1D547, 0x1D548, 0x1D549, 0x1D551),
        "\u2102\u210d\u2115\u2119\u211a\u211d\u2124",
        strict=True,
    )
)
_MARKS = "\u0300\u0301\u0302\u0303\u0308\u0323\u0331"
_ZALGO = "".join(map(chr, range(0x0300, 0x0340)))


def _each(table: Mapping[str, str]) -> Transform:
    """Put what ``table`` has for a letter; a capital without an entry gets its small letter's."""

    def transform(text: str, _chance: random.Random) -> str:
        return "".join(table.get(each) or table.get(each.lower(), each) for each in text)

    return transform


def _alphabet(small: int, capital: int | None = None) -> Transform:
    """Put the letters of a block of Unicode that begins at ``small`` (and at ``capital``)."""

    def letter(each: str) -> str:
        if each.isascii() and each.islower():
            return chr(small + ord(each) - ord("a"))
        if each.isascii() and each.isupper():
            first = small if capital is None else capital
            return chr(first + ord(each) - ord("A"))
        return each

    return lambda text, _chance: "".join(map(letter, text))


def _double_struck(text: str, chance: random.Random) -> str:
    """Put letters of blackboards; seven capitals lie apart from the others in Unicode."""
    made = _alphabet(0x1D552, 0x1D538)(text, chance)
    return made.translate(_APART)


def _capital_alphabet(first: int) -> Transform:
    plain = _alphabet(first)
    return lambda text, chance: plain(text.upper(), chance)


def _between(*signs: str) -> Transform:
    """Put one of ``signs`` between the letters of each word; spaces between words become wider."""

    def transform(text: str, chance: random.Random) -> str:
        words = [chance.choice(signs).join(word) for word in text.split(" ")]
        return ("   " if signs[0].isspace() else " ").join(words)

    return transform


def _after(pick: Callable[[random.Random], str]) -> Transform:
    """Put something after every letter, which shows nothing or decorates it."""

    def transform(text: str, chance: random.Random) -> str:
        return "".join(each + pick(chance) if each.isalpha() else each for each in text)

    return transform


def _inside(left: str, right: str) -> Transform:
    """Put signs of markup around the middle of each word."""

    def word(found: re.Match[str]) -> str:
        whole = found[0]
        if len(whole) < 3:  # noqa: PLR2004  nothing lies between the first and the last letter
            return whole
        first, last = len(whole) // 3 or 1, len(whole) - (len(whole) // 3 or 1)
        return f"{whole[:first]}{left}{whole[first:last]}{right}{whole[last:]}"

    return lambda text, _chance: _WORD.sub(word, text)


def _encoded(encode: Callable[[str], str]) -> Transform:
    return lambda text, _chance: "".join(map(encode, text))


def _upper(text: str, _chance: random.Random) -> str:
    return text.upper()


def _mocking(text: str, _chance: random.Random) -> str:
    return "".join(each.upper() if index % 2 else each.lower() for index, each in enumerate(text))


def _some_zero_width(chance: random.Random) -> str:
    return chance.choice("\u200b\u200c\u200d\u2060\ufeff")


def _tag(chance: random.Random) -> str:
    return chr(0xE0061 + chance.randrange(26))


def _selector(chance: random.Random) -> str:
    return chr(chance.choice((0xFE00, 0xFE0F, 0xE0100)) + chance.randrange(1))


def _zalgo(chance: random.Random) -> str:
    return "".join(chance.choices(_ZALGO, k=chance.randint(4, 12)))


def _accented(text: str, chance: random.Random) -> str:
    return "".join(chance.choice(_ACCENTS.get(each, each)) for each in text)


def _repeated(text: str, chance: random.Random) -> str:
    """Draw out some letters, as in shouting; at least one of each word."""

    def word(found: re.Match[str]) -> str:
        whole = found[0]
        sure = chance.randrange(len(whole))
        return "".join(
            each * chance.randint(3, 5) if index == sure or chance.random() < 0.3 else each  # noqa: PLR2004
            for index, each in enumerate(whole)
        )

    return _WORD.sub(word, text)


def _all_doubled(text: str, _chance: random.Random) -> str:
    return _WORD.sub(lambda found: "".join(each * 3 for each in found[0]), text)


def _bidi(text: str, _chance: random.Random) -> str:
    return f"\u202e{text[::-1]}\u202c"


def _reversed(text: str, _chance: random.Random) -> str:
    return text[::-1]


def _upside_down(text: str, chance: random.Random) -> str:
    return _each(_UPSIDE_DOWN)(text.lower()[::-1], chance)


def _rot13(text: str, _chance: random.Random) -> str:
    return codecs.encode(text, "rot13")


def _base64(text: str, _chance: random.Random) -> str:
    return base64.b64encode(text.encode()).decode()


def _hex(text: str, _chance: random.Random) -> str:
    return text.encode().hex()


def _spaced_hex(text: str, _chance: random.Random) -> str:
    return text.encode().hex(" ")


def _binary(text: str, _chance: random.Random) -> str:
    return " ".join(f"{byte:08b}" for byte in text.encode())


def _percent(text: str, _chance: random.Random) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _half_percent(text: str, _chance: random.Random) -> str:
    return "".join(
        f"%{ord(each):02x}" if index % 2 and each.isascii() else quote(each)
        for index, each in enumerate(text)
    )


def _vowel_starred(text: str, _chance: random.Random) -> str:
    """Put a star for the first vowel of each word (for the second letter where there is none)."""

    def word(found: re.Match[str]) -> str:
        whole = found[0]
        at = next((index for index, each in enumerate(whole) if each in _VOWELS), min(1, len(whole) - 1))
        return f"{whole[:at]}*{whole[at + 1 :]}"

    return _WORD.sub(word, text)


def _middle_starred(text: str, _chance: random.Random) -> str:
    """Put stars for the middle of each word, two letters at most."""

    def word(found: re.Match[str]) -> str:
        whole = found[0]
        if len(whole) < 4:  # noqa: PLR2004  too short to be read with two letters gone
            return _vowel_starred(whole, _chance)
        at = len(whole) // 2 - 1
        return f"{whole[:at]}**{whole[at + 2 :]}"

    return _WORD.sub(word, text)


def _shuffled(text: str, chance: random.Random) -> str:
    """Shuffle the letters between the first and the last of each word."""

    def word(found: re.Match[str]) -> str:
        whole = found[0]
        inner = list(whole[1:-1])
        chance.shuffle(inner)
        return f"{whole[:1]}{''.join(inner)}{whole[-1:] if len(whole) > 1 else ''}"

    return _WORD.sub(word, text)


def _partly(table: Mapping[str, str], share: float) -> Transform:
    def transform(text: str, chance: random.Random) -> str:
        return "".join(table.get(each, each) if chance.random() < share else each for each in text)

    return transform


def _chain(*transforms: Transform) -> Transform:
    def transform(text: str, chance: random.Random) -> str:
        for each in transforms:
            text = each(text, chance)
        return text

    return transform


def _mixed(text: str, chance: random.Random) -> str:
    """Look-alikes of several kinds at once, and something between the letters."""
    parts: Sequence[Transform] = (
        _partly(_CYRILLIC, 0.3),
        _partly(_LEET_DIGITS, 0.3),
        _mocking,
    )
    last = chance.choice((_after(_some_zero_width), _between(".", "-", "_"), _after(lambda _: "\u0336")))
    return _chain(*parts, last)(text, chance)


TRANSFORMS: Mapping[str, Transform] = MappingProxyType(
    {
        # Case and repetition
        "upper": _upper,
        "mocking case": _mocking,
        "letter repeats": _repeated,
        "every letter thrice": _all_doubled,
        # What shows nothing
        "zero width": _after(lambda _: "\u200b"),
        "zero width, several": _after(_some_zero_width),
        "soft hyphen": _after(lambda _: "\u00ad"),
        "tag characters": _after(_tag),
        "variation selectors": _after(_selector),
        "hangul filler": _after(lambda _: "\u3164"),
        # Decoration
        "combining mark": _after(lambda chance: chance.choice(_MARKS)),
        "strike through": _after(lambda _: "\u0336"),
        "zalgo": _after(_zalgo),
        "accents": _accented,
        "keycaps": _after(lambda _: "\u20e3"),
        # Look-alikes
        "cyrillic": _each(_CYRILLIC),
        "cyrillic, partly": _partly(_CYRILLIC, 0.4),
        "greek": _each(_GREEK),
        "fullwidth": _alphabet(0xFF41, 0xFF21),
        "math bold": _alphabet(0x1D41A, 0x1D400),
        "math italic": _alphabet(0x1D482, 0x1D468),
        "math script": _alphabet(0x1D4EA, 0x1D4D0),
        "math fraktur": _alphabet(0x1D586, 0x1D56C),
        "math double-struck": _double_struck,
        "math sans": _alphabet(0x1D5EE, 0x1D5D4),
        "math monospace": _alphabet(0x1D68A, 0x1D670),
        "circled": _alphabet(0x24D0, 0x24B6),
        "negative circled": _capital_alphabet(0x1F150),
        "squared": _capital_alphabet(0x1F130),
        "negative squared": _capital_alphabet(0x1F170),
        "parenthesised": _alphabet(0x249C),
        "regional indicators": _chain(_capital_alphabet(0x1F1E6), _between(" ")),
        "small capitals": _each(_SMALL_CAPITALS),
        "superscript": _each(_SUPERSCRIPT),
        "upside down": _upside_down,
        # Digits and signs for letters
        "leet digits": _each(_LEET_DIGITS),
        "leet signs": _each(_LEET_SIGNS),
        "leet, heavy": _each(_LEET_HEAVY),
        # Taken apart
        "spaced": _between(" "),
        "spaced widely": _between("  "),
        "one letter a line": _between("\n"),
        "dotted": _between("."),
        "dashed": _between("-"),
        "underscored": _between("_"),
        "slashes": _between("/"),
        "signs": _between("~", "+", "=", "·", "•"),
        "emoji between": _between("\N{FIRE}", "\N{CLAPPING HANDS SIGN}"),
        "markdown bold": _inside("**", "**"),
        "markdown spoiler": _inside("||", "||"),
        "markdown code": _inside("`", "`"),
        "backslashes": _between("\\"),
        # Turned round
        "bidi override": _bidi,
        "reversed": _reversed,
        # Encoded
        "rot13": _rot13,
        "base64": _base64,
        "hex": _hex,
        "hex, spaced": _spaced_hex,
        "binary": _binary,
        "\\x escapes": _encoded(lambda each: "".join(f"\\x{byte:02x}" for byte in each.encode())),
        "\\u escapes": _encoded(lambda each: f"\\u{ord(each):04x}" if ord(each) <= 0xFFFF else each),  # noqa: PLR2004
        "percent": _percent,
        "percent, partly": _half_percent,
        "html entities": _encoded(lambda each: f"&#{ord(each)};"),
        "html entities, hex": _encoded(lambda each: f"&#x{ord(each):x};"),
        # Letters left out or moved
        "first vowel starred": _vowel_starred,
        "middle starred": _middle_starred,
        "inner letters shuffled": _shuffled,
        # Several at once
        "mixed": _mixed,
    }
)
"""Every way, by its name. All give the same for the same state of their source of chance."""
