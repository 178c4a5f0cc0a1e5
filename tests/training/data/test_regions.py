from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import training.data.regions
from training.data.regions import DataError, Region, SourceRegions, assemble, split_by_group


@dataclass
class Made:
    """A source of the given regions; their names start with its name."""

    name: str
    regions: Sequence[Region]
    labels: tuple[str, ...] = ("soup", "bread", "salad")
    fingerprint: str = "0123456789ab"
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self) -> SourceRegions:
        return SourceRegions(tuple(self.regions), self.labels, self.fingerprint, self.left_out)


def region(
    name: int | str,
    label: str = "soup",
    split: str = "train",
    group: str | None = None,
    share: float | None = None,
    source: str = "a",
) -> Region:
    return Region(f"{source}/{name}", label, f"{source}/{group or name}", split, share=share)


def names(regions: Sequence[Region]) -> list[str]:
    return [r.name for r in regions]


def test_splits_keep_the_order_of_the_sources() -> None:
    a = Made("a", [region(1), region(2, "bread", "val"), region(3, "bread"), region(4, "soup", "test")])
    b = Made("b", [region(1, source="b"), region(2, split="val", source="b")], fingerprint="ba9876543210")
    data = assemble([b, a])
    assert names(data.train) == ["b/1", "a/1", "a/3"]
    assert names(data.val) == ["b/2", "a/2"]
    assert names(data.test) == ["a/4"]
    assert data.fingerprints == {"b": "ba9876543210", "a": "0123456789ab"}
    assert data.left_out == {}


def test_classes_are_the_trained_labels_in_source_order() -> None:
    a = Made("a", [region(1, "salad"), region(2, "soup")])
    b = Made("b", [region(1, "rice", source="b"), region(2, "soup", source="b")], labels=("soup", "rice"))
    assert assemble([a, b]).classes == ("soup", "salad", "rice")
    assert assemble([b, a]).classes == ("soup", "rice", "salad")


def test_requested_classes_select_and_order_the_regions() -> None:
    data = assemble(
        [Made("a", [region(1, "bread"), region(2, "soup"), region(3, "salad"), region(4, "soup", "val")])],
        classes=["soup", "bread"],
    )
    assert data.classes == ("soup", "bread")
    assert names(data.train) == ["a/1", "a/2"]
    assert data.left_out == {"of a class not asked for": ("a/3",)}


def test_requested_class_without_training_regions_fails() -> None:
    source = Made("a", [region(1, "soup"), region(2, "bread", "val")])
    with pytest.raises(DataError, match=r"too few training regions of bread, salad"):
        assemble([source], classes=["soup", "bread", "salad"])


def test_small_regions_are_skipped_and_named() -> None:
    source = Made("a", [region(1, share=0.0004), region(2, share=0.0005), region(3, share=None)])
    data = assemble([source], min_share=0.0005)
    assert names(data.train) == ["a/2", "a/3"]
    assert data.left_out == {"smaller than 0.0500% of the photo": ("a/1",)}


def test_classes_with_too_few_training_regions_leave_every_split() -> None:
    rare = [region(1, "bread"), region(2, "bread", "val"), region(3, "bread", "test")]
    source = Made("a", [*rare, region(4), region(5), region(6, split="val")])
    data = assemble([source], min_per_class=2)
    assert data.classes == ("soup",)
    assert (names(data.train), names(data.val), names(data.test)) == (["a/4", "a/5"], ["a/6"], [])
    assert data.left_out == {"of a class with fewer than 2 training regions": ("a/1", "a/2", "a/3")}


def test_class_without_training_regions_is_skipped() -> None:
    data = assemble([Made("a", [region(1), region(2, "bread", "val")])])
    assert data.classes == ("soup",)
    assert data.left_out == {"of a class with fewer than 1 training regions": ("a/2",)}


def test_small_regions_do_not_count_towards_the_class_minimum() -> None:
    source = Made("a", [region(1, "bread", share=0.0), region(2, "bread", share=0.5), region(3), region(4)])
    data = assemble([source], min_share=0.1, min_per_class=2)
    assert data.classes == ("soup",)
    assert [len(left) for left in data.left_out.values()] == [1, 1]


def test_minimum_of_zero_keeps_classes_without_training_regions() -> None:
    data = assemble([Made("a", [region(1, "bread", "val")])], min_per_class=0)
    assert (data.classes, names(data.val)) == (("bread",), ["a/1"])


def test_result_names_regions_that_sources_skipped() -> None:
    a = Made("a", [region(1)], left_out={"photo missing": ("a/7",)})
    b = Made("b", [region(1, source="b")], left_out={"photo missing": ("b/8", "b/9")})
    assert assemble([a, b]).left_out == {"photo missing": ("a/7", "b/8", "b/9")}


def test_summary_counts_regions_groups_and_classes_and_names_skipped_ones() -> None:
    rare = [region(10 + i, "bread", "val") for i in range(4)]
    data = assemble([Made("a", [region(1, group="g"), region(2, group="g"), region(3, split="val"), *rare])])
    assert data.summary() == [
        "train: 2 regions of 1 groups, 1 classes",
        "val: 1 regions of 1 groups, 1 classes",
        "left out, of a class with fewer than 1 training regions: 4 (a/10, a/11, a/12, …)",
    ]


@pytest.mark.parametrize("splits", [("train", "val"), ("train", "test"), ("val", "test")])
def test_group_in_two_splits_fails(splits: tuple[str, str]) -> None:
    one, other = splits
    leak = [region(1, split=one, group="tray 3"), region(2, split=other, group="tray 3")]
    with pytest.raises(DataError, match=rf"1 groups are in both {one} and {other}.*a/tray 3"):
        assemble([Made("a", [*leak, region(3), region(4, split="val")])])


def test_equal_group_names_of_two_sources_stay_separate() -> None:
    a, b = region(1, group="1"), region(1, group="1", split="val", source="b")
    assert len(assemble([Made("a", [a]), Made("b", [b])]).val) == 1


def test_group_with_one_half_skipped_does_not_leak() -> None:
    leak = [region(1, group="g"), region(2, split="val", group="g", share=0.0)]
    assert assemble([Made("a", leak)], min_share=0.1).val == ()


@pytest.fixture
def of_photo(tmp_path: Path) -> Callable[..., Region]:
    """Return a function that makes a region of a photo with the given bytes."""

    def made(name: str, content: bytes, split: str = "train") -> Region:
        photo = tmp_path / f"{name}.jpg"
        photo.write_bytes(content)
        return replace(region(name, split=split), photo=photo)

    return made


@pytest.mark.parametrize("splits", [("train", "val"), ("train", "test"), ("val", "test")])
def test_photo_or_its_copy_in_two_splits_fails(
    of_photo: Callable[..., Region], splits: tuple[str, str]
) -> None:
    one, other = splits
    leak = [of_photo("a", b"same", one), of_photo("b", b"same", other)]
    rest = [of_photo("c", b"else"), of_photo("d", b"more", "val")]
    with pytest.raises(
        DataError, match=rf"1 photos are in both {one} and {other}.*first .*a\.jpg and .*b\.jpg are the same"
    ):
        assemble([Made("a", [*leak, *rest])])
    assert leak[1].photo is not None
    again = [
        replace(leak[0], photo=leak[1].photo.parent / ".." / leak[1].photo.parent.name / "b.jpg"),
        leak[1],
    ]
    with pytest.raises(DataError, match=rf"1 photos are in both {one} and {other}"):
        assemble([Made("a", [*again, *rest])])


def test_photo_of_two_sources_can_be_in_one_split(of_photo: Callable[..., Region]) -> None:
    a, b = of_photo("a", b"same"), replace(of_photo("b", b"same"), name="b/1", group="b/1")
    assert len(assemble([Made("a", [a]), Made("b", [b])]).train) == 2


def test_only_photos_with_equal_file_sizes_across_splits_are_read(
    of_photo: Callable[..., Region], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    content = training.data.regions._content

    def counting(path: Path) -> str:
        read.append(path.name)
        return content(path)

    monkeypatch.setattr(training.data.regions, "_content", counting)
    regions = [
        of_photo("a", b"1234"),
        of_photo("b", b"5678"),
        of_photo("c", b"12345"),
        of_photo("d", b"12346", "val"),
        of_photo("e", b"123", "test"),
    ]
    assert len(assemble([Made("a", regions)]).train) == 3
    assert sorted(read) == ["c.jpg", "d.jpg"]


def test_missing_or_empty_photos_do_not_count_as_copies(
    of_photo: Callable[..., Region], tmp_path: Path
) -> None:
    empty = [of_photo("a", b""), of_photo("b", b"", "val")]
    missing = [replace(region(n, split=s), photo=tmp_path / n) for n, s in (("c", "train"), ("d", "val"))]
    assert len(assemble([Made("a", [*empty, *missing])]).val) == 2


@pytest.mark.parametrize(
    ("sources", "sentence"),
    [
        ([Made("a", [])], "No region is left"),
        ([Made("a", [region(1)]), Made("a", [region(2)])], "Two sources have the same name: a, a"),
        ([Made("a", [region(1), region(2), region(1)])], "1 names belong to several regions, first a/1"),
        ([Made("a", [region(1, split="val")])], "No region is left"),
    ],
    ids=["no region", "one source twice", "one region twice", "no training region"],
)
def test_incompatible_sources_fail(sources: list[Made], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        assemble(sources)


def test_fingerprint_changes_with_each_source() -> None:
    a, b = Made("a", [region(1)]), Made("b", [region(1, source="b")])
    before = assemble([a, b]).fingerprint
    assert len(before) == 12
    assert assemble([b, a]).fingerprint == before
    b.fingerprint = "ba9876543210"
    assert assemble([a, b]).fingerprint != before


def test_with_split_replaces_one_split() -> None:
    data = assemble([Made("a", [region(1), region(2, split="val")])])
    other = data.with_split("val", [region(9)])
    assert (names(other.val), names(other.train)) == (["a/9"], ["a/1"])
    assert names(data.val) == ["a/2"]


def moved(
    regions: list[Region],
    held_out: Sequence[str] = (),
    val_share: float = 0.0,
    source: str = "a",
) -> list[str]:
    return [r.name for r in split_by_group(regions, held_out, val_share, source) if r.split == "val"]


def test_held_out_groups_move_to_validation_as_a_whole() -> None:
    regions = [region(1, group="g1"), region(2, group="g2"), region(3, group="g1"), region(4, split="test")]
    found = split_by_group(regions, ["g1"], 0.0, "a")
    assert [r.split for r in found] == ["val", "train", "val", "test"]
    assert names(found) == names(regions)


@pytest.mark.parametrize("group", ["g9", "a/g1", "g2"], ids=["unknown", "with its source", "to test only"])
def test_holding_out_an_unknown_group_fails(group: str) -> None:
    with pytest.raises(DataError, match=f"no groups .*{group} to hold out"):
        moved([region(1, group="g1"), region(2, group="g2", split="test")], held_out=[group])


GROUPED = [region(f"{i}-{k}", group=f"g{i:03}") for i in range(400) for k in range(2)]


def test_val_share_moves_whole_groups_and_is_about_as_large_as_requested() -> None:
    found = moved(GROUPED, val_share=0.25)
    groups = {name.split("-")[0] for name in found}
    assert len(found) == 2 * len(groups)
    assert 80 <= len(groups) <= 120
    assert moved(GROUPED, val_share=0.0) == []


def test_group_keeps_its_split_as_groups_are_added_or_the_source_is_renamed() -> None:
    half = GROUPED[:400]
    found = moved(half, val_share=0.25)
    more = split_by_group(GROUPED, [], 0.25, "a")
    assert [r.name for r in more[:400] if r.split == "val"] == found
    renamed = [replace(r, group=r.group.replace("a/", "b/")) for r in half]
    assert moved(renamed, val_share=0.25, source="b") == found


def test_larger_share_contains_the_smaller_one() -> None:
    assert set(moved(GROUPED, val_share=0.1)) < set(moved(GROUPED, val_share=0.2))


def test_share_does_not_depend_on_digits_in_names() -> None:
    groups = [int(name[2:].split("-")[0]) for name in moved(GROUPED, val_share=0.25)[::2]]
    for digit in range(10):  # expected: 10 of 40
        assert 4 <= sum(group % 10 == digit for group in groups) <= 17


def test_holding_out_moves_only_training_regions() -> None:
    regions = [replace(r, split="test") for r in GROUPED]
    assert moved(regions, val_share=0.9) == []


def test_held_out_groups_do_not_change_the_share_of_the_others() -> None:
    some = moved(GROUPED, val_share=0.25)
    kept = next(f"g{i:03}" for i in range(400) if f"a/{i}-0" not in some)
    assert set(moved(GROUPED, [kept], 0.25)) == {*some, f"a/{int(kept[1:])}-0", f"a/{int(kept[1:])}-1"}
