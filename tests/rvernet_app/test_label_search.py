"""Label search: what is offered for what a person types, and what it may be taken for without a question."""

from __future__ import annotations

import pytest

from rvernet_app.label_files import default_label_set
from rvernet_app.label_search import CERTAIN, Kind, LabelIndex, Match, same_name
from rvernet_app.labels import LabelName

DEFAULT = default_label_set()
DEFAULT_INDEX = LabelIndex(DEFAULT)


def found(names: list[str], typed: str) -> list[tuple[str, Kind]]:
    """Search a label set of names alone."""
    index = LabelIndex([LabelName(name) for name in names])
    return [(names[match.position], match.kind) for match in index.search(typed)]


@pytest.mark.parametrize(
    ("typed", "name", "kind"),
    [
        ("chicken", "chicken", Kind.EXACT),
        ("Crème Fraiche", "sour cream", Kind.EXACT),
        ("courgette", "zucchini", Kind.EXACT),
        ("courgettes", "zucchini", Kind.EXACT),
        ("minced beef", "beef", Kind.EXACT),
        ("yogurt", "yoghurt", Kind.EXACT),
        ("potatoes", "potato", Kind.EXACT),
        ("cherries", "cherry", Kind.EXACT),
        ("cookies", "biscuit", Kind.EXACT),
        ("peaches", "peach", Kind.EXACT),
        ("green bean", "green beans", Kind.EXACT),
        ("icecream", "ice cream", Kind.EXACT),
        ("ice-cream", "ice cream", Kind.EXACT),
        ("chicken or duck", "chicken duck", Kind.EXACT),
        ("cheese and butter", "cheese butter", Kind.EXACT),
        ("hamburger", "hamburg", Kind.EXACT),
        ("bell peppers", "pepper", Kind.EXACT),
        ("cola", "cola", Kind.EXACT),
        ("water", "water", Kind.EXACT),
        ("egg", "egg", Kind.EXACT),
        ("corn", "corn", Kind.EXACT),
        ("rice", "rice", Kind.EXACT),
        ("ham", "ham", Kind.EXACT),
        ("tea", "tea", Kind.EXACT),
        ("oats", "oats", Kind.EXACT),
        ("bean sprout", "bean sprouts", Kind.EXACT),
        ("mushroom", "white button mushroom", Kind.EXACT),
        ("oyster", "oyster mushroom", Kind.WORDS),
        ("spag", "pasta", Kind.BEGINNING),
        ("zucc", "zucchini", Kind.BEGINNING),
        ("king oyst", "king oyster mushroom", Kind.BEGINNING),
        ("chiken", "chicken", Kind.NEAR),
        ("tomatoe", "tomato", Kind.NEAR),
        ("brocoli", "broccoli", Kind.NEAR),
        ("spagetti", "pasta", Kind.NEAR),
        ("zuchini", "zucchini", Kind.NEAR),
        ("cauliflour", "cauliflower", Kind.NEAR),
        ("bananna", "banana", Kind.NEAR),
        ("letuce", "lettuce", Kind.NEAR),
        ("avacado", "avocado", Kind.NEAR),
        ("mayonaise", "mayonnaise", Kind.NEAR),
        ("mashed potato", "potato", Kind.PART),
        ("baked apple", "apple", Kind.PART),
        ("mashed potatoe", "potato", Kind.PART),
    ],
)
def test_the_first_match_in_the_default_set(typed: str, name: str, kind: Kind) -> None:
    first = DEFAULT_INDEX.search(typed)[0]
    assert (DEFAULT[first.position].name, first.kind) == (name, kind)


@pytest.mark.parametrize(
    ("typed", "names", "first"),
    [
        ("ham", ["hamburger", "ham"], ("ham", Kind.EXACT)),
        ("egg", ["eggplant", "fried egg"], ("fried egg", Kind.WORDS)),
        ("corn", ["peppercorn", "baby corn"], ("baby corn", Kind.WORDS)),
        ("rice", ["licorice", "brown rice"], ("brown rice", Kind.WORDS)),
        ("potato", ["sweet potato", "potato"], ("potato", Kind.EXACT)),
        ("potato", ["sweet potato", "potato salad"], ("potato salad", Kind.WORDS)),
        ("straw", ["strawberry"], ("strawberry", Kind.BEGINNING)),
        ("apple pie", ["apple", "pie"], ("pie", Kind.PART)),
    ],
)
def test_whole_words_come_before_beginnings(typed: str, names: list[str], first: tuple[str, Kind]) -> None:
    assert found(names, typed)[0] == first


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("cola", "chocolate"),
        ("water", "watermelon"),
        ("egg", "eggplant"),
        ("ham", "hamburger"),
        ("corn", "peppercorn"),
        ("rice", "licorice"),
        ("oat", "groats"),
        ("butter", "butternut squash"),
        ("pea", "peanut"),
    ],
)
def test_a_food_that_is_missing_is_not_taken_for_one_whose_name_holds_its_own(typed: str, name: str) -> None:
    assert found([name], typed) == [(name, Kind.INSIDE)]
    assert Kind.INSIDE > CERTAIN


def test_any_word_of_a_longer_name_offers_its_label() -> None:
    assert found(["bread", "potato", "roll"], "bread roll") == [("roll", Kind.PART), ("bread", Kind.PART)]
    assert found(["potato, raw", "fish"], "mashed potatoes") == [("potato, raw", Kind.PART)]


def test_an_exact_match_asks_no_question() -> None:
    assert found(["pear", "peas", "pea"], "peas")[:2] == [("peas", Kind.EXACT), ("pea", Kind.EXACT)]
    assert found(["pear", "peas", "pea"], "pea")[:2] == [("pea", Kind.EXACT), ("peas", Kind.EXACT)]
    assert found(["bean", "bear"], "bean") == [("bean", Kind.EXACT)]


@pytest.mark.parametrize("typed", ["beer", "bef", "beeff", "ebef"])
def test_a_name_one_edit_from_another_is_near_it(typed: str) -> None:
    assert found(["beef"], typed) == [("beef", Kind.NEAR)]


@pytest.mark.parametrize(("typed", "name"), [("bred", "beef"), ("x", "y"), ("12", "13"), ("soup", "tofu")])
def test_names_further_apart_are_not(typed: str, name: str) -> None:
    assert found([name], typed) == []


def test_a_synonym_is_told_and_a_name_comes_first() -> None:
    index = LabelIndex([LabelName("tofu", ("bean curd",)), LabelName("bean")])
    assert index.search("bean") == [Match(1, None, Kind.EXACT), Match(0, "bean curd", Kind.WORDS)]


def test_a_label_comes_once_by_its_best_name() -> None:
    index = LabelIndex([LabelName("beef", ("minced beef", "roast beef"))])
    assert index.search("beef") == [Match(0, None, Kind.EXACT)]


def test_a_food_code_is_found_whole() -> None:
    index = LabelIndex([LabelName("rice", food_code="168878"), LabelName("soup", food_code="A1b")])
    assert index.search("168878") == [Match(0, None, Kind.CODE)]
    assert index.search(" a1B ") == [Match(1, None, Kind.CODE)]
    assert index.search("16887") == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("kasespatzle", "Käsespätzle"),
        ("KÄSE", "Käsespätzle"),
        ("chicken duck", "chicken_duck"),
        ("shepherds pie", "Shepherd’s pie"),
        ("smorrebrod", "smørrebrød"),
        ("strasse", "Straße"),
        ("饺", "饺子"),
        ("子", "饺子"),
        ("crème brûlée", "creme brulee"),
    ],
)
def test_case_accents_and_separators_make_no_difference(typed: str, name: str) -> None:
    assert [label for label, _ in found([name], typed)] == [name]


@pytest.mark.parametrize("typed", ["", "  ", "…", "%", "_"])
def test_nothing_is_found_for_nothing(typed: str) -> None:
    assert DEFAULT_INDEX.search(typed) == []


def test_no_more_are_returned_than_asked_for() -> None:
    assert len(DEFAULT_INDEX.search("b", limit=3)) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [("Peas", "pea"), ("pies", "pie"), ("cookie", "Cookies"), ("tomato", "tomatoes"), ("Hot Dog", "hotdogs")],
)
def test_plural_and_singular_are_the_same_name(one: str, other: str) -> None:
    assert same_name(one) == same_name(other)


@pytest.mark.parametrize(("one", "other"), [("couscous", "couscou"), ("hummus", "hummu"), ("swiss", "swis")])
def test_an_s_that_is_no_plural_stays(one: str, other: str) -> None:
    assert same_name(one) != same_name(other)
