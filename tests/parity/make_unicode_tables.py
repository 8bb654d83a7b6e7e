"""Prints the tables of text/character_class.cpp and text/normalizer.cpp: where Hugging Face tokenizers' Unicode differs
from Python's, asked of tokenizers itself one code point at a time.

usage: python make_unicode_tables.py     needs: Python 3.11 (Unicode 14), pip install tokenizers==0.23.3; half a minute
"""
import unicodedata

from tokenizers import Regex, normalizers
from tokenizers.pre_tokenizers import Digits, Split

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# A mark of each of the classes 230, 220, 1, 232 and 240: one of them changes places with any other mark.
MARKS = "\u0301\u0316\u0334\u0315\u0345"


def ranges(points) -> list[list[int]]:
    found: list[list[int]] = []
    for c in sorted(points):
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def members(pattern: str) -> set[int]:
    split = Split(Regex(pattern), "removed")
    return {c for c in CODE_POINTS if not split.pre_tokenize_str(chr(c))}


def category(letter: str) -> set[int]:
    return {c for c in CODE_POINTS if unicodedata.category(chr(c))[0] == letter}


def show(name: str, rows: list[str]) -> None:
    print(name)
    print("    " + ", ".join(rows) + ",\n")


def main() -> None:
    assert unicodedata.unidata_version == "14.0.0"
    letters, numbers = members(r"\p{L}"), members(r"\p{N}")
    assert category("L") <= letters and category("N") <= numbers
    rows = [(first, last, "kLetter") for first, last in ranges(letters - category("L"))]
    rows += [(first, last, "kNumber") for first, last in ranges(numbers - category("N"))]
    show("kSinceUnicode14", [f"{{0x{first:X}, 0x{last:X}, {kind}}}" for first, last, kind in sorted(rows)])

    digits = Digits(True)
    numeric = {c for c in CODE_POINTS if len(digits.pre_tokenize_str(f"a{chr(c)}a")) == 3}
    assert numbers <= numeric
    show("kNumbersOfUnicode17", [f"{{0x{first:X}, 0x{last:X}, kNumber}}" for first, last in ranges(numeric - numbers)])

    nfc = normalizers.NFC()

    def differs(text: str) -> bool:
        return nfc.normalize_str(text) != unicodedata.normalize("NFC", text)

    # Marks and composable characters of Unicode 15 and 16, which Python does not know either, from UnicodeData.txt; the
    # scripts that came with Unicode 16 whole.
    unknown = {0x897, 0xECE, 0x11F41, 0x11F42, 0x1E08F}
    for first, last in [(0x10D69, 0x10D6D), (0x10EFC, 0x10EFF), (0x11380, 0x113E2), (0x16100, 0x16139),
                        (0x16D40, 0x16D79), (0x1E4EC, 0x1E4EF), (0x1E5EE, 0x1E5EF)]:
        unknown |= set(range(first, last + 1))
    for c in CODE_POINTS:
        decomposed = unicodedata.normalize("NFD", chr(c))
        if any(differs(f"q{mark}{chr(c)}") or differs(f"q{chr(c)}{mark}") for mark in MARKS):
            unknown.add(c)
        elif decomposed != chr(c) and differs(decomposed):
            unknown |= {c, ord(decomposed[-1])}
    show("kUnknownToUnicode9", [f"{{0x{first:X}, 0x{last:X}}}" for first, last in ranges(unknown)])


if __name__ == "__main__":
    main()
