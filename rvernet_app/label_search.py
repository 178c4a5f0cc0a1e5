"""Find labels by what a person types: names, synonyms and food codes, with typing errors forgiven."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from rvernet_app.label_files import default_label_set
from rvernet_app.labels import LabelName

CONNECTING = frozenset(("and", "or", "with", "of", "the"))
"""Words that tell no food from another: "rice and beans" is found as "rice, beans"."""
NO_DECOMPOSITION = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i", "'": "", "’": ""}
)
"""Letters that Unicode does not split into a plain letter and an accent, and apostrophes."""
SHORT_WORD = 7
"""Letters up to which a word has at most one typing error; a longer one has at most two."""
SHORTEST_PART = 3
"""Letters from which something typed is looked for inside words."""


class Kind(IntEnum):
    """How a label matches what is typed; a smaller value is the better match."""

    EXACT = 0
    """A name or synonym, but for case, accents, word separators and plural."""
    CODE = 1
    """The whole food code."""
    WORDS = 2
    """Each typed word is a word of the name."""
    BEGINNING = 3
    """Each typed word is a word of the name or begins one."""
    NEAR = 4
    """As BEGINNING or EXACT, with a typing error."""
    PART = 5
    """Some typed words are words of the name: "mashed potato" and "potato"."""
    INSIDE = 6
    """The name contains what is typed somewhere: "chocolate" and "cola"."""


CERTAIN = Kind.BEGINNING
"""The last kind that a person can mean without being asked."""


@dataclass(frozen=True)
class Match:
    """A label that matches what is typed.

    Attributes:
        position: place of the label in its set, from 0.
        through: the synonym that matches, if the name does not match as well.
        kind: how it matches.
    """

    position: int
    through: str | None
    kind: Kind


@dataclass(frozen=True)
class _Entry:
    """A name or a synonym.

    Attributes:
        words: its words, folded; connecting words are left out.
        stems: the same words without plural endings.
    """

    position: int
    synonym: str | None
    words: tuple[str, ...]
    stems: tuple[str, ...]

    @property
    def joined(self) -> str:
        return "".join(self.stems)


class LabelIndex:
    """A label set prepared for search. It does not change, so any number of threads may search it.

    Args:
        labels: the label set, in its order.
    """

    def __init__(self, labels: Sequence[LabelName]) -> None:
        self._names = [label.name for label in labels]
        self._entries = list(_entries(labels))
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._of_stem: dict[str, set[int]] = defaultdict(set)
        self._of_word: dict[str, set[int]] = defaultdict(set)
        self._of_code: dict[str, list[int]] = defaultdict(list)
        for number, entry in enumerate(self._entries):
            self._exact[entry.joined].append(number)
            for word, stem in zip(entry.words, entry.stems, strict=True):
                self._of_word[word].add(number)
                self._of_stem[stem].add(number)
        for position, label in enumerate(labels):
            if label.food_code:
                self._of_code[label.food_code.casefold()].append(position)
        self._sorted_words = sorted(self._of_word)
        self._stems = list(self._of_stem)
        self._joined = list(self._exact)

    def search(self, typed: str, limit: int = 8) -> list[Match]:
        """Return the labels that match what is typed, best first, each at most once."""
        words = _words(typed)
        stems = tuple(map(_stem, words))
        best: dict[int, tuple[tuple[object, ...], Match]] = {}
        for kind, number, distance in self._found(words, stems):
            entry = self._entries[number]
            order = self._order(kind, entry, words, stems, distance)
            known = best.get(entry.position)
            if known is None or order < known[0]:
                best[entry.position] = order, Match(entry.position, entry.synonym, kind)
        for position in self._of_code.get(typed.strip().casefold(), ()):
            if position not in best or best[position][1].kind > Kind.CODE:
                best[position] = (Kind.CODE,), Match(position, None, Kind.CODE)
        ordered = sorted(best.values(), key=lambda found: found[0])
        return [match for _, match in ordered[:limit]]

    def _found(self, words: Sequence[str], stems: Sequence[str]) -> Iterator[tuple[Kind, int, int]]:
        """Yield (kind, number of an entry, typing errors); an entry may come several times."""
        if not words:
            return
        joined = "".join(stems)
        exact = self._exact.get(joined, ())
        yield from ((Kind.EXACT, number, 0) for number in exact)
        whole = [self._of_stem.get(stem, set()) for stem in stems]
        begun = [self._beginning(word) | same for word, same in zip(words, whole, strict=True)]
        yield from ((Kind.WORDS, number, 0) for number in set.intersection(*whole))
        # "water" is a food by itself, so it does not mean watermelon.
        beginning = Kind.INSIDE if joined in _foods() else Kind.BEGINNING
        yield from ((beginning, number, 0) for number in set.intersection(*begun))
        near = [self._near(stem) if not same else {} for stem, same in zip(stems, whole, strict=True)]
        if not exact:
            yield from self._misspelled(joined, begun, near)
            yield from self._partly(whole, near)
        if len(joined) >= SHORTEST_PART or not joined.isascii():
            yield from (
                (Kind.INSIDE, number, 0)
                for text, numbers in self._exact.items()
                if joined in text
                for number in numbers
            )

    def _beginning(self, word: str) -> set[int]:
        found: set[int] = set()
        place = bisect_left(self._sorted_words, word)
        while place < len(self._sorted_words) and self._sorted_words[place].startswith(word):
            found |= self._of_word[self._sorted_words[place]]
            place += 1
        return found

    def _near(self, stem: str) -> dict[int, int]:
        """Return the entries that have a word which is misspelled so, with the number of errors."""
        found: dict[int, int] = {}
        for known, errors in _misspellings(stem, self._stems):
            for number in self._of_stem[known]:
                found[number] = min(errors, found.get(number, errors))
        return found

    def _misspelled(
        self, joined: str, begun: Sequence[set[int]], near: Sequence[Mapping[int, int]]
    ) -> Iterator[tuple[Kind, int, int]]:
        for known, errors in _misspellings(joined, self._joined):
            yield from ((Kind.NEAR, number, errors) for number in self._exact[known])
        if any(near):
            each = [found | other.keys() for found, other in zip(begun, near, strict=True)]
            for number in set.intersection(*each):
                yield Kind.NEAR, number, sum(other.get(number, 0) for other in near)

    def _partly(
        self, whole: Sequence[set[int]], near: Sequence[Mapping[int, int]]
    ) -> Iterator[tuple[Kind, int, int]]:
        if len(whole) > 1:
            for same, other in zip(whole, near, strict=True):
                yield from ((Kind.PART, number, 0) for number in same)
                yield from ((Kind.PART, number, errors) for number, errors in other.items())

    def _order(
        self, kind: Kind, entry: _Entry, words: tuple[str, ...], stems: tuple[str, ...], distance: int
    ) -> tuple[object, ...]:
        """Return what matches of one kind are sorted by."""
        name = self._names[entry.position]
        same = [place for place, stem in enumerate(stems) if stem in entry.stems]
        # In English the last word says what a food is: an apple pie is a pie.
        part = (len(entry.stems) - len(same), -len(same), -max(same, default=-1)) if kind == Kind.PART else ()
        starts = "".join(entry.words).startswith("".join(stems))
        other = entry.words != words
        return kind, part, distance, entry.synonym is not None, other, not starts, len(name), name


def fold(text: str) -> str:
    """Return a text in lower case, without accents and apostrophes."""
    plain = text.casefold().translate(NO_DECOMPOSITION)
    if plain.isascii():  # nearly all names, and much faster
        return plain
    split = unicodedata.normalize("NFKD", plain)
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def same_name(text: str) -> str:
    """Return a text that two names share if they differ only in case, accents, separators or plural."""
    return "".join(map(_stem, _words(text)))


def _entries(labels: Sequence[LabelName]) -> Iterator[_Entry]:
    for position, label in enumerate(labels):
        for synonym in (None, *label.synonyms):
            words = _words(label.name if synonym is None else synonym)
            yield _Entry(position, synonym, words, tuple(map(_stem, words)))


def _words(text: str) -> tuple[str, ...]:
    found = re.findall(r"[^\W_]+", fold(text))
    return tuple(word for word in found if word not in CONNECTING) or tuple(found)


def _stem(word: str) -> str:
    """Return a word without its English plural ending. Stems are compared, and never shown."""
    if len(word) > 4 and word.endswith(("ies", "ie")):
        return word.removesuffix("ies").removesuffix("ie") + "y"
    if len(word) > 4 and word.endswith(("oes", "ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _misspellings(text: str, known: Sequence[str]) -> list[tuple[str, int]]:
    """Return (text, number of errors) for known texts that differ from a text by typing errors."""
    most = (len(text) > 1) + (len(text) > SHORT_WORD)
    if not most or text.isdecimal():
        return []
    found = process.extract(text, known, scorer=OSA.distance, score_cutoff=most, limit=None)
    return [(word, int(errors)) for word, errors, _ in found if errors and len(word) > errors]


@lru_cache(maxsize=1)
def _foods() -> frozenset[str]:
    """Return names of foods that are words by themselves."""
    names = (name for label in default_label_set() for name in (label.name, *label.synonyms))
    return frozenset(map(same_name, names))
