"""Draw the sample plates: `python -m training.drawn_plates --out assets/samples`.

Every picture is drawn from a seed of its own, so the same versions of NumPy and OpenCV draw the same files.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training.drawn_plates import cooked, fruit, tableware
from training.drawn_plates.scene import Colour, Scene

WIDE, TALL = (960, 1280), (1280, 960)  # (height, width)
JPEG_QUALITY = 92


def fruit_plate() -> Scene:
    scene = Scene(WIDE, rng := np.random.default_rng(11))
    tableware.wood(scene, (206, 166, 116), (150, 102, 62))
    scene.put(tableware.napkin((330, 900), (238, 234, 224), (70, 104, 140), rng), (1130, 560), 520, angle=9)
    scene.put(tableware.plate(410, (228, 227, 222), (64, 96, 128)), (600, 488), 412)
    scene.put(fruit.banana(470, 46, rng), (590, 330), 330, angle=-8)
    scene.put(fruit.apple(112, rng), (390, 500), 130, angle=20)
    scene.put(fruit.stem(44), (390, 500), 60, angle=-50)
    scene.put(fruit.citrus(102, rng, (243, 138, 22)), (615, 490), 110)
    for x, y, turn in ((776, 520, 0), (838, 585, 70), (760, 640, 140)):
        scene.put(fruit.kiwi_slice(66, rng), (x, y), 72, angle=turn)
    grapes = [(fruit.berry(rng.uniform(25, 29), rng, (104, 40, 84), 0.3), 30.0) for _ in range(26)]
    fruit.heap(scene, grapes, (560, 695), 88, crown=30)
    scene.put(fruit.citrus(74, rng, (247, 212, 56), nipples=True), (1125, 300), 125, angle=-35)
    return scene


def breakfast() -> Scene:
    scene = Scene(WIDE, rng := np.random.default_rng(23))
    tableware.linen(scene, (214, 216, 214), (176, 182, 186))
    scene.put(tableware.plate(400, (198, 210, 218)), (560, 500), 402)
    scene.put(tableware.fork(400), (95, 520), 215)
    scene.put(tableware.knife(420), (1024, 610), 220)
    scene.put(cooked.toast(230, rng), (700, 330), 190, angle=18)
    scene.put(cooked.toast(230, rng), (745, 415), 190, angle=34)
    scene.put(cooked.fried_egg(148, rng), (410, 400), 190)
    scene.put(cooked.fried_egg(140, rng), (600, 590), 180, angle=120)
    scene.put(cooked.sausage(250, 34, rng), (420, 640), 180, angle=28)
    scene.put(cooked.sausage(250, 34, rng), (385, 705), 180, angle=22)
    for x, y, turn in ((775, 620, 0), (735, 710, 40)):
        scene.put(fruit.tomato_slice(66, rng), (x, y), 72, angle=turn)
    cup(scene, (1092, 190), (198, 210, 218))
    return scene


def salmon_and_rice() -> Scene:
    scene = Scene(WIDE, rng := np.random.default_rng(37))
    tableware.stone(scene, (62, 64, 68), (92, 94, 98), veins=0, gloss=0.2)
    scene.put(tableware.plate(410, (230, 227, 220)), (640, 480), 412)
    cooked.rice(scene, (470, 400), 165)
    for x, y, size in ((680, 270, 84), (800, 345, 92), (715, 390, 70)):
        cooked.broccoli(scene, (x, y), size)
    coins = [(fruit.carrot_coin(rng.uniform(33, 40), rng), 42.0) for _ in range(13)]
    fruit.heap(scene, coins, (852, 505), 84)
    peas = [(fruit.berry(rng.uniform(13, 15.5), rng, (112, 164, 44)), 17.0) for _ in range(110)]
    fruit.heap(scene, peas, (440, 640), 104, crown=26)
    scene.put(cooked.fillet(330, 150, rng), (680, 640), 190, angle=-14)
    scene.put(fruit.citrus_slice(62, rng, (238, 200, 60), (244, 206, 40)), (640, 600), 66, angle=10)
    scene.put(tableware.fork(400), (120, 500), 215, angle=4)
    return scene


def canteen_tray() -> Scene:
    scene = Scene(WIDE, rng := np.random.default_rng(41))
    tableware.wood(scene, (172, 122, 80), (108, 68, 40), plank=240)
    scene.put(tableware.tray((1200, 860), (92, 118, 112)), (640, 482), 760)
    scene.put(tableware.plate(300, (228, 226, 220), (160, 60, 50)), (380, 520), 302)
    scene.put(tableware.plate(245, (226, 221, 208)), (935, 340), 247)
    fries = [(cooked.fry(rng.uniform(110, 165), rng.uniform(17, 21), rng), 88.0) for _ in range(34)]
    fruit.heap(scene, fries, (305, 440), 84)
    scene.put(cooked.sausage(270, 36, rng), (420, 620), 180, angle=-18)
    peas = [(fruit.berry(rng.uniform(12, 14.5), rng, (116, 168, 48)), 16.0) for _ in range(60)]
    fruit.heap(scene, peas, (515, 470), 76, crown=22)
    scene.put(cooked.lettuce(150, rng), (900, 320), 170, angle=200)
    scene.put(cooked.lettuce(130, rng), (985, 385), 150, angle=40)
    for x, y in ((860, 280), (925, 268), (985, 290), (1020, 345)):
        scene.put(fruit.cucumber_slice(48, rng), (x, y), 52, angle=float(rng.uniform(0, 360)))
    for x, y, turn in ((865, 400, 0), (940, 425, 50), (915, 350, 20)):
        scene.put(fruit.tomato_slice(50, rng), (x, y), 54, angle=turn)
    scene.put(fruit.apple(88, rng, (150, 178, 52)), (750, 720), 100, angle=70)
    scene.put(fruit.stem(36), (750, 720), 50, angle=-130)
    scene.put(cooked.bun(105, rng), (1010, 715), 110)
    return scene


def bakery() -> Scene:
    scene = Scene(TALL, rng := np.random.default_rng(53))
    tableware.stone(scene, (222, 220, 216), (168, 166, 164))
    scene.put(tableware.plate(385, (196, 214, 216)), (470, 700), 387)
    bright = [(250, 250, 246), (92, 178, 204), (250, 206, 70), (232, 92, 110), (120, 186, 96)]
    scene.put(cooked.doughnut(150, rng, (236, 146, 170), bright), (350, 590), 152)
    scene.put(cooked.doughnut(150, rng, (84, 46, 28), []), (610, 660), 152)
    scene.put(cooked.bun(128, rng), (415, 870), 132)
    cherries = [(fruit.berry(rng.uniform(25, 28), rng, (168, 22, 34)), 30.0) for _ in range(8)]
    fruit.heap(scene, cherries, (640, 895), 58, crown=12)
    cup(scene, (735, 190), (232, 226, 212))
    scene.put(fruit.citrus(96, rng, (244, 140, 24)), (170, 190), 104)
    scene.put(fruit.citrus_slice(84, rng, (240, 146, 34), (238, 134, 24)), (368, 212), 88)
    return scene


def cup(scene: Scene, xy: tuple[float, float], glaze: Colour) -> None:
    """A cup of coffee on its saucer."""
    scene.put(tableware.plate(165, glaze, depth=8), xy, 167)
    scene.put(tableware.handle(90, 13, glaze), (xy[0] - 96, xy[1] + 72), 60, angle=-37, ground=tableware.WELL)
    scene.put(tableware.bowl(108, glaze, (84, 46, 22), scene.rng), xy, 110, ground=tableware.WELL)


SCENES: dict[str, Callable[[], Scene]] = {
    "fruit-plate": fruit_plate,
    "breakfast": breakfast,
    "salmon-and-rice": salmon_and_rice,
    "canteen-tray": canteen_tray,
    "bakery": bakery,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.drawn_plates", description="Draw the sample plates."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the JPEG files")
    parser.add_argument("--only", choices=SCENES, help="draw one of them")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, draw in SCENES.items():
        if arguments.only in (None, name):
            picture = Image.fromarray(draw().render())
            picture.save(arguments.out / f"{name}.jpg", quality=JPEG_QUALITY, optimize=True)


if __name__ == "__main__":
    main()
