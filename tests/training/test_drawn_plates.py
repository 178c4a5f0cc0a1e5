from pathlib import Path

import numpy as np
import pytest

from rvernet_app.photos import read_photo
from training.drawn_plates.__main__ import SCENES
from training.drawn_plates.scene import Field, Part, Scene, mix, noise, smooth_step

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"
RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def block(side: float, height: float, colour: tuple[float, float, float]):
    """A square block about its origin."""

    def shape(x: Field, y: Field) -> Part:
        inside = (np.abs(x) < side / 2) & (np.abs(y) < side / 2)
        return Part(np.where(inside, height, -np.inf), np.asarray(colour, np.float32), 0.0)

    return shape


def table(side: int = 40) -> Scene:
    scene = Scene((side, side), np.random.default_rng(0))
    scene.colour[:] = 0.5
    return scene


# --- the scene, which is held at twice its resolution


def test_a_block_stands_where_it_is_put() -> None:
    scene = table()
    scene.put(block(10, 3, RED), (12, 20), 8)

    expected = np.zeros((80, 80), np.float32)
    expected[30:50, 14:34] = 3
    np.testing.assert_array_equal(scene.height, expected)
    np.testing.assert_array_equal(scene.colour[40, 24], RED)
    np.testing.assert_array_equal(scene.colour[40, 36], [0.5] * 3)


def test_what_is_put_later_stands_on_what_is_there() -> None:
    scene = table()
    scene.put(block(20, 3, RED), (20, 20), 15)
    scene.put(block(4, 2, BLUE), (20, 20), 5)

    assert scene.height[40, 40] == 5
    np.testing.assert_array_equal(scene.colour[40, 40], BLUE)


def test_the_higher_hides_the_lower() -> None:
    scene = table()
    scene.put(block(10, 9, RED), (20, 20), 8)
    scene.put(block(20, 2, BLUE), (20, 20), 15, ground=0)

    assert scene.height[40, 40] == 9
    np.testing.assert_array_equal(scene.colour[40, 40], RED)
    np.testing.assert_array_equal(scene.colour[40, 25], BLUE)


def test_a_shape_may_reach_over_the_edge_or_lie_beside_it() -> None:
    scene = table()
    scene.put(block(10, 3, RED), (0, 0), 8)
    scene.put(block(10, 3, RED), (-50, 20), 8)

    assert int((scene.height == 3).sum()) == 100


def test_a_quarter_turn_is_clockwise() -> None:
    def bar(x: Field, y: Field) -> Part:  # from the origin to the right
        inside = (x > 0) & (x < 10) & (np.abs(y) < 2)
        return Part(np.where(inside, 1.0, -np.inf), np.zeros(3, np.float32), 0.0)

    scene = table()
    scene.put(bar, (20, 20), 12, angle=90)

    rows, columns = np.nonzero(scene.height)
    assert (rows.min(), rows.max()) == (40, 59)
    assert (columns.min(), columns.max()) == (36, 43)


def test_the_shadow_falls_to_the_lower_right() -> None:
    scene = table(60)
    scene.put(block(16, 20, RED), (30, 30), 12)
    picture = scene.render().astype(int).sum(axis=2)

    assert scene.render().shape == (60, 60, 3)
    assert picture[42, 42] < 0.75 * picture[18, 18]


def test_a_picture_depends_on_its_seed_alone() -> None:
    def picture(seed: int) -> np.ndarray:
        scene = Scene((24, 24), np.random.default_rng(seed))
        scene.colour[:] = 0.5 + 0.3 * noise((48, 48), 12, scene.rng)[..., None]
        return scene.render()

    np.testing.assert_array_equal(picture(1), picture(1))
    assert (picture(1) != picture(2)).any()


# --- its small tools


def test_smooth_step_both_ways() -> None:
    values = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    np.testing.assert_array_equal(smooth_step(0, 1, values), [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(smooth_step(1, 0, values), [1, 1, 0.5, 0, 0])


def test_mix_runs_from_the_first_colour_to_the_second() -> None:
    mixed = mix((0, 0, 0), (255, 0, 51), np.array([[-1.0, 0.5, 3.0]]))
    np.testing.assert_allclose(mixed, [[[0, 0, 0], [0.5, 0, 0.1], [1, 0, 0.2]]], atol=1e-7)


def test_noise_stays_in_its_range() -> None:
    field = noise((40, 60), (8, 20), np.random.default_rng(4))
    assert field.shape == (40, 60)
    assert field.min() >= -1
    assert field.max() <= 1
    assert field.std() > 0.1


# --- the sample photos that are bundled


def test_every_drawing_is_bundled_beside_the_photograph() -> None:
    assert {path.stem for path in SAMPLES.glob("*.jpg")} == {*SCENES, "coffee"}


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.jpg")), ids=lambda path: path.stem)
def test_a_sample_opens_and_its_origin_is_told(path: Path) -> None:
    height, width, _ = read_photo(path, max_mb=1, max_megapixels=2).pixels.shape
    row = next(line for line in (SAMPLES / "README.md").read_text().splitlines() if f"`{path.name}`" in line)

    assert f"{width} x {height}" in row
    assert "licence" in row or "CC0" in row


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 2_000_000
