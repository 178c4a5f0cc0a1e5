"""Light a scene by one of Blender's HDRIs and a key light, so that a white plate is nearly white."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from training.meals.setting import Light
from training.meals.shapes import Array

LEVELS = {"AgX": 1.9, "Filmic": 1.5, "Standard": 0.85}
"""Light on the table for each view transform, as the radiance of a white surface."""

NEUTRAL = 0.8
"""Share of a surrounding's colour cast that the camera's white balance removes."""

DISTANCE = 150.0
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def light_scene(light: Light) -> None:
    """Set the scene's world, key light and view transform."""
    scene = bpy.context.scene
    scene.view_settings.view_transform = light.view
    scene.view_settings.look = light.contrast
    irradiance = np.pi * LEVELS[light.view] * 2**light.exposure
    _surround(light, irradiance * (1 - light.share))
    _key(light, irradiance * light.share)


def _surround(light: Light, irradiance: float) -> None:
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 512
    tree = world.node_tree
    picture = tree.nodes.new("ShaderNodeTexEnvironment")
    picture.image = bpy.data.images.load(str(_picture(light.world)))
    turned = tree.nodes.new("ShaderNodeMapping")
    turned.inputs["Rotation"].default_value = (0, 0, light.world_turn)
    tree.links.new(tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"], turned.inputs["Vector"])
    tree.links.new(turned.outputs["Vector"], picture.inputs["Vector"])
    balance = tree.nodes.new("ShaderNodeMix")
    balance.data_type, balance.blend_type = "RGBA", "MULTIPLY"
    balance.inputs["Factor"].default_value = 1.0
    sky = _irradiance(light.world)
    level = float(LUMINANCE @ sky)
    gain = (1 - NEUTRAL) + NEUTRAL * level / sky
    balance.inputs[7].default_value = (*gain, 1.0)
    tree.links.new(picture.outputs["Color"], balance.inputs[6])
    background = tree.nodes["Background"]
    tree.links.new(balance.outputs[2], background.inputs["Color"])
    background.inputs["Strength"].default_value = irradiance / level


def _picture(world: str) -> Path:
    return Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "studiolights" / "world" / f"{world}.exr"


@cache
def _irradiance(world: str) -> Array:
    """Return the light of a surrounding on a table per channel, float (3,)."""
    image = bpy.data.images.load(str(_picture(world)))
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    upper = pixels.reshape(height, width, -1)[height // 2 :, :, :3].astype(float)
    elevation = (np.arange(len(upper)) + 0.5) / height * np.pi
    solid = (np.pi / height) * (2 * np.pi / width) * np.cos(elevation) * np.sin(elevation)
    return np.asarray((upper.sum(axis=1) * solid[:, None]).sum(axis=0))


def _key(light: Light, irradiance: float) -> None:
    sine = np.sin(light.elevation)
    towards = Vector(
        (
            np.cos(light.elevation) * np.cos(light.azimuth),
            np.cos(light.elevation) * np.sin(light.azimuth),
            sine,
        )
    )
    if light.key == "sun":
        lamp = bpy.data.lights.new("key", "SUN")
        lamp.angle = light.softness
        lamp.energy = irradiance / sine
    else:
        lamp = bpy.data.lights.new("key", "AREA")
        lamp.shape = "RECTANGLE"
        lamp.size = 2 * DISTANCE * np.tan(light.softness / 2)
        lamp.size_y = 1.4 * lamp.size
        lamp.energy = irradiance * np.pi * DISTANCE**2 / sine
    lamp.color = warmth(light.warmth)
    thing = bpy.data.objects.new("key", lamp)
    thing.location = DISTANCE * towards
    thing.rotation_euler = towards.to_track_quat("Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(thing)


def warmth(kelvin: float) -> tuple[float, float, float]:
    """Return the linear RGB of a black body with luminance 1, half balanced towards white at 6000 K."""
    steps = np.log(kelvin / 6000)
    colour = np.exp(0.5 * steps * np.array([-1.0, 0.1, 1.2]))
    r, g, b = colour / (LUMINANCE @ colour)
    return (float(r), float(g), float(b))
